"""Sets of objects: there whole or not at all, whoever writes, dies or deletes meanwhile."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.objects import shelf as shelf_module
from app.objects.faults import StoreAway
from app.objects.manifest import MANIFEST, Manifest
from app.objects.object_store import ObjectStore
from app.objects.shelf import DamagedPart, Shelf
from tests.stores import Tried


def shelf_of(tried: Tried) -> Shelf:
    return Shelf(tried.connect(), "avatars", str.isalnum)


@pytest.fixture
def part(tmp_path: Path) -> Path:
    (tmp_path / "picture.png").write_bytes(b"a picture")
    return tmp_path / "picture.png"


def stored(tried: Tried) -> list[str]:
    return [stat.key for stat in tried.connect().list("avatars/")]


def test_a_set_is_put_listed_fetched_and_withdrawn(tried: Tried, part: Path, tmp_path: Path) -> None:
    here, there = shelf_of(tried), shelf_of(tried)
    assert here.publish("a", {"picture.png": part}, {"name": "Ann"})
    there.catalogue.refresh()
    entry = there.catalogue.get("a")
    assert entry is not None and entry.manifest.details == {"name": "Ann"} and not entry.fault
    there.fetch(entry, "picture.png", tmp_path / "out", 100)
    assert (tmp_path / "out").read_bytes() == b"a picture"
    with pytest.raises(DamagedPart):
        there.fetch(entry, "picture.png", tmp_path / "out", 8)
    assert there.withdraw("a") and not there.withdraw("a")
    here.catalogue.refresh()
    assert (here.catalogue.get("a"), here.catalogue.take_changes(), stored(tried)) == (None, {"a"}, [])


def test_of_two_who_put_the_same_one_stays_and_nothing_of_the_other(tried: Tried, part: Path) -> None:
    here, there = shelf_of(tried), shelf_of(tried)
    assert here.publish("a", {"picture.png": part}, {"name": "Ann"})
    assert not there.publish("a", {"picture.png": part}, {"name": "Bob"})
    entry = there.catalogue.get("a")
    assert entry is not None and entry.manifest.details == {"name": "Ann"}
    assert sorted(stored(tried)) == sorted(
        ["avatars/a/info.json", f"avatars/a/{entry.manifest.generation}/picture.png"]
    )


def test_a_commit_whose_answer_was_lost_and_that_was_tried_again_is_ones_own(
    tried: Tried, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = ObjectStore.put

    def twice(self: ObjectStore, key: str, data: bytes | Path, create: bool = False) -> None:
        put(self, key, data, create)
        if create:
            put(self, key, data, create)

    monkeypatch.setattr(ObjectStore, "put", twice)
    assert shelf_of(tried).publish("a", {"picture.png": part}, {})
    assert len(stored(tried)) == 2


def test_what_dies_in_an_upload_is_no_set_and_is_swept_after_a_day(
    tried: Tried, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = shelf_of(tried)
    assert here.publish("whole", {"picture.png": part}, {})
    here.add(here.catalogue.entries["whole"], "mouth.json", b"{}")
    whole = stored(tried)
    put = ObjectStore.put

    def killed(self: ObjectStore, key: str, data: bytes | Path, create: bool = False) -> None:
        if key.endswith(MANIFEST):
            raise KeyboardInterrupt
        put(self, key, data, create)

    with monkeypatch.context() as dying:
        dying.setattr(ObjectStore, "put", killed)
        with pytest.raises(KeyboardInterrupt):
            here.publish("half", {"picture.png": part}, {})
    here.catalogue.refresh()
    assert list(here.catalogue.entries) == ["whole"] and len(stored(tried)) == len(whole) + 1
    here.sweep()
    assert len(stored(tried)) == len(whole) + 1, "somebody may be at it"
    tomorrow_ns = time.time_ns() + shelf_module.ABANDONED_NS + 60 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: tomorrow_ns)
    here.sweep()
    assert stored(tried) == whole


def test_one_who_deletes_takes_nothing_of_who_puts_the_same_meanwhile(tried: Tried, part: Path, tmp_path: Path) -> None:
    here, there = shelf_of(tried), shelf_of(tried)
    assert here.publish("a", {"picture.png": part}, {})
    put = ObjectStore.put

    class Meanwhile(ObjectStore):
        def put(self, key: str, data: bytes | Path, create: bool = False) -> None:
            if create:
                assert here.withdraw("a"), "just before the commit"
            put(self, key, data, create)

    there = Shelf(Meanwhile(tried.url, tried.endpoint), "avatars", str.isalnum)
    assert there.publish("a", {"picture.png": part}, {})
    entry = there.catalogue.look("a")
    assert entry is not None and not entry.fault
    there.fetch(entry, "picture.png", tmp_path / "out", 100)


def test_changes_are_told_once_and_new_sets_are_none(tried: Tried, part: Path) -> None:
    here, there = shelf_of(tried), shelf_of(tried)
    there.catalogue.refresh()
    assert here.publish("a", {"picture.png": part}, {})
    there.catalogue.refresh()
    assert there.catalogue.take_changes() == set()
    here.add(here.catalogue.entries["a"], "mouth.json", b"{}")
    there.catalogue.look("a")  # heard of by the way: those who use it must be told all the same
    there.catalogue.refresh()
    assert (there.catalogue.take_changes(), there.catalogue.take_changes()) == ({"a"}, set())
    here.add(here.catalogue.entries["a"], "used", b"")
    there.catalogue.refresh()
    assert there.catalogue.take_changes() == set()


def test_an_older_listing_does_not_undo_what_was_looked_at_since(
    tried: Tried, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = shelf_of(tried)
    listed = ObjectStore.list

    def slowly(self: ObjectStore, prefix: str) -> Any:
        found = listed(self, prefix)
        if prefix == "avatars/":
            monkeypatch.setattr(ObjectStore, "list", listed)
            assert here.publish("a", {"picture.png": part}, {})
        return found

    monkeypatch.setattr(ObjectStore, "list", slowly)
    here.catalogue.refresh()
    assert list(here.catalogue.entries) == ["a"] and here.catalogue.take_changes() == set()


def valid(change: Callable[[Any], object]) -> bytes:
    stored = json.loads(Manifest("0" * 16, {}, {}).dump()) | {
        "parts": {"picture.png": {"bytes": 9, "sha256": "0" * 64}}
    }
    change(stored)
    return json.dumps(stored).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"[" * 100_000,
        b"\xff",
        b"{}",
        b" " * (256 * 1024) + b"{}",
        valid(lambda m: m.update(generation="../../other")),
        valid(lambda m: m.update(generation=7)),
        valid(lambda m: m.update(details=[])),
        valid(lambda m: m.update(parts={"../picture.png": {"bytes": 1, "sha256": "0" * 64}})),
        valid(lambda m: m.update(parts={f"p{n}": {"bytes": 1, "sha256": "0" * 64} for n in range(9)})),
        valid(lambda m: m["parts"]["picture.png"].update(bytes=-1)),
        valid(lambda m: m["parts"]["picture.png"].update(bytes=True)),
        valid(lambda m: m["parts"]["picture.png"].update(sha256="../x")),
        valid(lambda m: m["parts"].update({"picture.png": 7})),
        valid(lambda m: None),  # its part is not there
    ],
    ids=str,
)
def test_a_commit_mark_that_is_none_is_a_fault_and_can_be_withdrawn(data: bytes, tried: Tried) -> None:
    tried.connect().put("avatars/a/info.json", data)
    here = shelf_of(tried)
    here.catalogue.refresh()
    assert here.catalogue.entries["a"].fault
    here.withdraw("a")
    assert stored(tried) == []


def test_a_part_of_other_bytes_is_found_out(tried: Tried, part: Path, tmp_path: Path) -> None:
    here = shelf_of(tried)
    assert here.publish("a", {"picture.png": part}, {})
    entry = here.catalogue.entries["a"]
    tried.connect().put(entry.objects["picture.png"].key, b"A picture")
    found = here.catalogue.look("a")
    assert found is not None
    with pytest.raises(DamagedPart):
        here.fetch(found, "picture.png", tmp_path / "out", 100)
    tried.connect().put(entry.objects["picture.png"].key, b"longer than it was")
    found = here.catalogue.look("a")
    assert found is not None and found.fault


def test_while_it_is_away_what_was_listed_stays_known(tried: Tried, part: Path) -> None:
    here = shelf_of(tried)
    assert here.publish("a", {"picture.png": part}, {})
    tried.take_away()
    with pytest.raises(StoreAway):
        here.catalogue.refresh()
    with pytest.raises(StoreAway):
        here.publish("b", {"picture.png": part}, {})
    assert list(here.catalogue.entries) == ["a"] and here.catalogue.take_changes() == set()
    tried.give_back()
    here.catalogue.refresh()
    assert list(here.catalogue.entries) == ["a"] and here.catalogue.take_changes() == set()
