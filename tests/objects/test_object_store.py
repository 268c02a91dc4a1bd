"""The store of objects, in a folder and on an S3 server: what it keeps, what it refuses, and when it is away."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import secrets
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.config import SettingsError
from app.objects import connecting, object_store
from app.objects.faults import NoSuchObject, ObjectExists, ObjectTooLarge, StoreAway
from app.objects.object_store import ObjectStore
from app.tallies import STORE_REQUESTS
from tests.s3 import BUCKET, S3
from tests.stores import Tried

KEY = "avatars/a/info.json"


def keys(store: ObjectStore, prefix: str = "avatars/") -> list[str]:
    return [stat.key for stat in store.list(prefix)]


def test_an_object_is_kept_replaced_listed_and_deleted(tried: Tried, tmp_path: Path) -> None:
    store, other = tried.connect(), tried.connect()
    store.put(KEY, b"one")
    assert (other.get(KEY, 3), keys(other)) == (b"one", [KEY])
    before = other.list("avatars/")[0]
    other.put(KEY, b"other")
    after = store.list("avatars/")[0]
    assert store.get(KEY, 5) == b"other" and after.mark != before.mark and after.bytes == 5
    assert abs(after.changed_ns - time.time_ns()) < 60e9
    store.delete(KEY)
    store.delete(KEY)
    assert keys(other) == [] and keys(other, "recordings/") == []
    with pytest.raises(NoSuchObject):
        other.get(KEY, 5)


def test_a_second_create_is_refused_and_said_so(tried: Tried) -> None:
    store = tried.connect()
    store.put(KEY, b"first", create=True)
    with pytest.raises(ObjectExists):
        tried.connect().put(KEY, b"second", create=True)
    assert store.get(KEY, 10) == b"first"


def test_a_large_file_goes_in_and_out_in_blocks(tried: Tried, tmp_path: Path) -> None:
    data = secrets.token_bytes(2 * object_store.BLOCK_BYTES + 12345)
    (tmp_path / "in").write_bytes(data)
    store = tried.connect()
    store.put(KEY, tmp_path / "in")
    assert store.get_to(store.list("avatars/")[0], tmp_path / "out") == hashlib.sha256(data).hexdigest()
    assert (tmp_path / "out").read_bytes() == data


def test_an_empty_file_is_one_too(tried: Tried, tmp_path: Path) -> None:
    store = tried.connect()
    store.put(KEY, b"")
    store.get_to(store.list("avatars/")[0], tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"" == store.get(KEY, 0)


def test_more_bytes_than_there_may_be_are_not_read(tried: Tried) -> None:
    store = tried.connect()
    store.put(KEY, b"12345")
    with pytest.raises(ObjectTooLarge):
        store.get(KEY, 4)


def test_a_listing_has_a_bound(tried: Tried, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tried.connect()
    for name in "abc":
        store.put(f"avatars/{name}", b"")
    monkeypatch.setattr(object_store, "LISTED_MOST", 2)
    with pytest.raises(StoreAway):
        store.list("avatars/")


def test_a_store_that_is_away_says_so_and_works_again_when_it_is_back(tried: Tried, tmp_path: Path) -> None:
    store = tried.connect()
    store.put(KEY, b"1")
    stat = store.list("avatars/")[0]
    tried.take_away()
    refused: list[Callable[[], object]] = [
        lambda: store.get(KEY, 1),
        lambda: store.get_to(stat, tmp_path / "out"),
        lambda: store.put(KEY, b"2"),
        lambda: store.put("avatars/b", b"2", create=True),
        lambda: store.list("avatars/"),
        lambda: store.delete(KEY),
    ]
    before = STORE_REQUESTS.counts()[("get", "away")]
    for ask in refused:
        with pytest.raises(StoreAway) as caught:
            ask()
        assert caught.value.code == "store_away" and caught.value.why and caught.value.why not in caught.value.message
    assert STORE_REQUESTS.counts()[("get", "away")] == before + 2
    tried.give_back()
    assert store.get(KEY, 1) == b"1" and keys(store) == [KEY]
    store.put(KEY, b"2")
    assert store.get(KEY, 1) == b"2"


def test_a_server_that_was_stopped_and_started_is_used_again(s3: S3) -> None:
    store = ObjectStore(f"s3://{BUCKET}/restart", s3.url)
    store.put(KEY, b"1")
    s3.stop()
    with pytest.raises(StoreAway):
        store.get(KEY, 1)
    s3.start()  # it keeps nothing
    assert keys(store) == []
    store.put(KEY, b"2", create=True)
    assert store.get(KEY, 1) == b"2"


def test_a_bucket_that_is_not_there_is_no_empty_one(s3: S3) -> None:
    store = ObjectStore("s3://another-bucket/here", s3.url)
    for ask in (lambda: store.get(KEY, 1), lambda: store.list("avatars/"), lambda: store.put(KEY, b"")):
        with pytest.raises(StoreAway):
            ask()


def test_a_server_that_says_nothing_is_not_awaited_for_long(
    s3: S3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(connecting, "READ_S", 1)
    monkeypatch.setattr(connecting, "RETRY_WITHIN_S", 1)
    with socket.create_server(("127.0.0.1", 0), backlog=10) as silent:
        store = ObjectStore(f"s3://{BUCKET}/x", f"http://127.0.0.1:{silent.getsockname()[1]}")
        for ask in (lambda: store.get(KEY, 1), lambda: store.list("avatars/"), lambda: store.put(KEY, b"")):
            begun = time.monotonic()
            with pytest.raises(StoreAway):
                ask()
            assert time.monotonic() - begun < 30, "of a machine that is busy; without a limit it would be a minute"


def test_what_lies_in_a_folder_and_is_no_file_of_ours_is_not_there(tmp_path: Path) -> None:
    root = tmp_path / "store"
    store = ObjectStore(f"file://{root}")
    store.put(KEY, b"1")
    here = root / "avatars" / "a"
    (tmp_path / "secret").write_text("secret")
    (here / "link").symlink_to(tmp_path / "secret")
    (here / "loop").symlink_to(root)
    (here / "dead").symlink_to("nowhere")
    os.mkfifo(here / "pipe")
    (here / "a b\n").touch()
    (here / "staged#1").touch()
    with open(os.fsencode(here) + b"/\xff\xfe", "w"):
        pass
    assert keys(store) == [KEY]
    for name in ("link", "pipe", "dead"):
        with pytest.raises(NoSuchObject):
            store.get(f"avatars/a/{name}", 100)


def test_another_folder_in_the_place_of_the_store_is_not_it(tmp_path: Path) -> None:
    root = tmp_path / "store"
    store = ObjectStore(f"file://{root}")
    store.put(KEY, b"1")
    root.rename(tmp_path / "unmounted")
    root.mkdir()
    for ask in (lambda: store.list("avatars/"), lambda: store.put(KEY, b"2"), lambda: store.get(KEY, 1)):
        with pytest.raises(StoreAway):
            ask()
    assert list(root.iterdir()) == []
    assert keys(ObjectStore(f"file://{root}")) == [], "whoever begins here makes it a store"
    with pytest.raises(StoreAway):
        store.list("avatars/")


def test_a_folder_that_is_not_mounted_after_a_restart_is_not_made_anew(tmp_path: Path) -> None:
    root, memory = tmp_path / "store", tmp_path / "data" / "store-mark"
    ObjectStore(f"file://{root}", memory=memory).put(KEY, b"1")
    root.rename(tmp_path / "unmounted")
    again = ObjectStore(f"file://{root}", memory=memory)
    for _ in range(2):
        with pytest.raises(StoreAway):
            again.list("avatars/")
        root.mkdir(exist_ok=True)
    assert list(root.iterdir()) == []
    root.rmdir()
    (tmp_path / "unmounted").rename(root)
    assert keys(again) == [KEY]
    other = tmp_path / "other"
    assert keys(ObjectStore(f"file://{other}", memory=memory)) == [], "another address is another store"


def test_without_its_package_the_setting_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"LIPWIRE_STORE needs obstore: `pip install 'lipwire-server\[cluster\]'`"):
        ObjectStore(f"file://{tmp_path}")
