"""The keys of the environment and of the file, while the file changes, is damaged, or goes."""

from __future__ import annotations

import json
import logging
import os
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.access.key import id_of, make_text, sum_of
from app.access.key_ring import KeyRing
from app.access.keys_file import KeyEntry, KeysFileError, change_entries, read_entries
from app.access.quota import Quota
from app.clock import wall_clock
from app.config import Settings, SettingsError, load_settings

FIRST, SECOND = make_text(), make_text()


def entry(text: str, name: str = "Ann", **more: Any) -> KeyEntry:
    sum = sum_of(text)
    return KeyEntry(id=id_of(sum), name=name, sha256=sum, added=wall_clock(), **more)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def keep(path: Path, *entries: KeyEntry) -> None:
    change_entries(path, lambda known: entries)


def test_keys_of_the_environment_are_the_operators_as_themselves_or_as_sums(path: Path) -> None:
    ring = KeyRing([FIRST, "sha256:" + sum_of(SECOND).upper()], path, Quota(sessions=2))
    for text in (FIRST, SECOND):
        key = ring.find(text)
        assert key is not None and key.is_operator and key.id == f"key_{sum_of(text)[:12]}" and key.quota.sessions == 2
        assert ring.by_id(key.id) == key
    for wrong in ("", FIRST[:-1], FIRST + "x", sum_of(FIRST), "sha256:" + sum_of(SECOND), "\ud800", "ключ"):
        assert ring.find(wrong) is None


@pytest.mark.parametrize("text", ["sha256:", "sha256:abc", "sha256:" + "g" * 64])
def test_a_sum_that_is_none_is_refused_at_start(path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="64 hexadecimal digits"):
        KeyRing([text], path)


@pytest.mark.parametrize("text", [",", " , ,"])
def test_a_slip_in_the_environment_does_not_open_the_door(text: str) -> None:
    with pytest.raises(SettingsError, match="LIPWIRE_API_KEYS must be keys separated by commas"):
        load_settings({"LIPWIRE_API_KEYS": text})


def test_a_key_that_no_header_can_carry_is_refused_without_being_shown() -> None:
    with pytest.raises(SettingsError, match="plain characters") as refused:
        load_settings({"LIPWIRE_API_KEYS": "geheim-schlüssel"})
    assert "geheim" not in str(refused.value)


def test_a_short_key_is_warned_of_and_not_shown(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    KeyRing(["x" * 16, "hunter2"], path)
    assert "number 2 of LIPWIRE_API_KEYS has 7 characters" in caplog.text
    assert "number 1" not in caplog.text and "hunter2" not in caplog.text


async def test_keys_of_the_file_come_and_go_without_a_restart(path: Path) -> None:
    ring = KeyRing([], path, Quota(sessions=2, minutes=60))
    assert not ring.is_wanted
    keep(path, entry(FIRST, sessions=5), entry(SECOND, "Bob"))
    await ring.refresh()
    found = ring.find(FIRST)
    assert ring.is_wanted and found is not None and not found.is_operator
    assert (found.name, found.quota) == ("Ann", Quota(sessions=5, minutes=60))
    keep(path, entry(SECOND, "Bob"))
    await ring.refresh()
    assert ring.find(FIRST) is None and ring.by_id(found.id) is None and ring.find(SECOND) is not None


async def test_the_last_key_revoked_leaves_the_door_closed(path: Path) -> None:
    keep(path, entry(FIRST))
    ring = KeyRing([], path)
    keep(path)
    await ring.refresh()
    assert ring.find(FIRST) is None and ring.is_wanted
    assert KeyRing([], path).is_wanted, "after a restart too"


async def test_a_file_that_goes_leaves_the_door_closed(path: Path) -> None:
    keep(path, entry(FIRST))
    ring = KeyRing([], path)
    path.unlink()
    await ring.refresh()
    assert ring.find(FIRST) is None and ring.is_wanted


def test_a_file_that_was_named_and_is_not_there_leaves_the_door_closed(tmp_path: Path) -> None:
    assert KeyRing.of(Settings(data_dir=tmp_path, keys_file=tmp_path / "elsewhere.json")).is_wanted
    assert not KeyRing.of(Settings(data_dir=tmp_path)).is_wanted


DAMAGED = [
    "", "{", "[]", "{}", '{"keys": {}}', '{"keys": [{}]}', '{"keys": []} x', "[" * 100_000, '{"keys": [], "more": 1}',
]  # fmt: skip


@pytest.mark.parametrize("text", DAMAGED)
async def test_a_damaged_file_is_refused_at_start_and_changes_nothing_later(
    path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    keep(path, entry(FIRST))
    ring = KeyRing([], path)
    path.write_text(text)
    with pytest.raises(KeysFileError, match=r"keys\.json is damaged"):
        KeyRing([], path)
    await ring.refresh()
    await ring.refresh()
    assert ring.find(FIRST) is not None and ring.find(SECOND) is None and ring.is_wanted
    assert caplog.text.count("is damaged") == 1, "said, and said once"
    keep_whole = json.dumps({"keys": [entry(SECOND).model_dump(mode="json")]})
    path.write_text(keep_whole)
    await ring.refresh()
    assert ring.find(FIRST) is None and ring.find(SECOND) is not None


@pytest.mark.parametrize("same", ["id", "name", "sha256"])
def test_two_keys_may_not_be_alike(path: Path, same: str) -> None:
    ann, bob = entry(FIRST), entry(SECOND, "Bob")
    keep(path, ann, bob.model_copy(update={same: getattr(ann, same)}))
    with pytest.raises(KeysFileError, match=f"the same {same}"):
        read_entries(path)


def test_what_a_damaged_file_holds_is_not_said(path: Path) -> None:
    damaged = entry(FIRST).model_dump(mode="json") | {"sha256": "hunter2"}
    path.write_text(json.dumps({"keys": [damaged]}))
    with pytest.raises(KeysFileError) as refused:
        KeyRing([], path)
    assert "hunter2" not in str(refused.value)


def test_a_key_expires(path: Path) -> None:
    now = wall_clock()
    keep(path, entry(FIRST, expires=now - timedelta(seconds=1)), entry(SECOND, "Bob", expires=now + timedelta(days=1)))
    ring = KeyRing([], path)
    assert ring.find(FIRST) is None and ring.by_id(id_of(sum_of(FIRST))) is None and ring.find(SECOND) is not None


def test_only_sums_are_kept_for_their_owner_alone_and_nothing_is_left_beside(path: Path) -> None:
    keep(path, entry(FIRST))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert FIRST not in path.read_text()
    assert {each.name for each in path.parent.iterdir()} == {"keys.json", "keys.json.lock"}


def test_a_file_that_others_may_write_is_warned_of(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keep(path, entry(FIRST))
    path.chmod(0o666)
    KeyRing([], path)
    assert "others may write" in caplog.text


def test_keys_and_sums_stand_in_no_repr(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    keep(path, entry(SECOND))
    ring = KeyRing([FIRST], path)
    shown = repr((ring, ring.find(FIRST), ring.find(SECOND), read_entries(path), Settings(api_keys=(FIRST,))))
    for secret in (FIRST, SECOND, sum_of(FIRST), sum_of(SECOND)):
        assert secret not in shown + caplog.text


def test_a_link_to_the_file_stays_one(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "secrets" / "real.json"
    keep(real, entry(FIRST))
    path.symlink_to(real)
    keep(path, entry(SECOND))
    assert path.is_symlink() and [each.sha256 for each in read_entries(real)] == [sum_of(SECOND)]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything; run the tests as another user to see this")
def test_a_file_that_may_not_be_read_is_refused(path: Path) -> None:
    keep(path, entry(FIRST))
    path.chmod(0)
    with pytest.raises(KeysFileError, match="cannot be read"):
        KeyRing([], path)
