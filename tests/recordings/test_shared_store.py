"""Recordings that several nodes share: put when they are finished, and found, served and deleted by any node."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from app.disk import Disk
from app.errors import Refusal
from app.objects.faults import StoreAway
from app.objects.object_store import ObjectStore
from app.objects.shelf import Shelf
from app.recordings import copies
from app.recordings.piecing import Section, spans
from app.recordings.recording_info import RecordingInfo
from app.recordings.shared_store import SharedRecordingStore
from app.recordings.store import DAY_S, RecordingStore
from tests.stores import Tried

INFO = RecordingInfo("5e55", "default", "2026-11-22T02:00:00+00:00", owner="ann")
MakeNode = Callable[[str], SharedRecordingStore]


@pytest.fixture
def node(tried: Tried, tmp_path: Path) -> MakeNode:
    """Make a node with a data folder of its own; with the same name it is that node after a restart."""
    return lambda name: SharedRecordingStore(tmp_path / name, 7, tried.connect(tmp_path / name), join=together)


def recorded(store: SharedRecordingStore, session: str = "5e55", data: bytes = b"a film" * 100) -> RecordingInfo:
    """Write what is a finished recording for a store, which looks into none."""
    store.note(replace(INFO, session=session))
    store.path(session).write_bytes(data)
    info = replace(INFO, session=session, state="done", bytes=len(data), duration_ms=40)
    store.note(info)
    return info


def stored(tried: Tried) -> list[str]:
    return sorted(stat.key for stat in tried.connect().list("recordings/"))


def test_a_finished_recording_is_put_found_and_fetched_by_any_node(
    node: MakeNode, tried: Tried, tmp_path: Path
) -> None:
    here, there = node("a"), node("b")
    here.note(INFO)
    here.put_finished()
    assert there.find("5e55") is None and stored(tried) == [], "it is being written"
    info = recorded(here)
    assert (here.unsent, here.find("5e55")) == (1, info)
    here.put_finished()
    assert here.unsent == 0 and here.find("5e55") == there.find("5e55") == info
    fetched = there.fetch("5e55")
    assert fetched == there.path("5e55") and fetched.read_bytes() == here.path("5e55").read_bytes()
    assert there.fetch("5e55") == fetched and there.fetch("none") is None and there.find("../5e55") is None
    there.put_finished()
    assert len(stored(tried)) == 2


def test_it_waits_for_the_store_and_survives_a_restart(node: MakeNode, tried: Tried) -> None:
    here = node("a")
    here.refresh()
    node("b").refresh()
    tried.take_away()
    info = recorded(here)
    for _ in range(2):
        with pytest.raises(StoreAway):
            here.put_finished()
    assert (here.unsent, here.find("5e55"), here.fetch("5e55")) == (1, info, here.path("5e55"))
    again = node("a")
    with pytest.raises(StoreAway):
        again.put_finished()
    assert again.unsent == 1
    with pytest.raises(StoreAway):
        node("b").find("5e55")
    tried.give_back()
    again.put_finished()
    assert again.unsent == 0 and node("b").find("5e55") == info
    tried.take_away()
    assert again.find("5e55") == info and again.fetch("5e55") is not None, "what was fetched or made here goes on"
    with pytest.raises(StoreAway):
        again.delete("5e55")
    assert again.find("5e55") == info, "nothing of it is deleted"
    tried.give_back()


def test_a_put_whose_note_was_lost_is_not_put_twice(node: MakeNode, tried: Tried, tmp_path: Path) -> None:
    here = node("a")
    info = recorded(here)
    here.put_finished()
    before = stored(tried)
    (tmp_path / "a" / "recordings" / "5e55.shared").unlink()
    again = node("a")
    again.put_finished()
    assert stored(tried) == before and again.find("5e55") == info and again.unsent == 0


def together(sections: Sequence[Section], to: Path) -> int:
    """Join what looks into no film: lines of a time and what is seen then, for 40 ms."""
    lines: list[tuple[int, str]] = []
    for section in sections:
        begins_ms = max(section.begins_ms, lines[-1][0] + 40 if lines else 0)
        for line in section.path.read_text().splitlines():
            at_ms, seen = int(line.split()[0]), line.split()[1]
            if section.from_ms <= at_ms and (section.until_ms is None or at_ms < section.until_ms):
                lines.append((begins_ms + at_ms - section.from_ms, seen))
    to.write_text("\n".join(f"{at_ms} {seen}" for at_ms, seen in lines))
    return lines[-1][0] + 40


def piece(store: SharedRecordingStore, minute: int, data: bytes) -> None:
    recorded(store, data=b"0 " + data)
    info = store.find("5e55")
    assert info is not None
    store.note(replace(info, created=f"2026-11-22T02:0{minute}:00+00:00"))


@pytest.mark.parametrize("order", list(permutations("abc")))
def test_pieces_of_one_session_become_one_in_whatever_order_nodes_put_them(
    order: tuple[str, ...], node: MakeNode, tried: Tried
) -> None:
    minutes = dict(zip("abc", (0, 2, 5), strict=True))
    for name in order:
        here = node(name)
        piece(here, minutes[name], name.encode() * 3)
        here.put_finished()
    fetched = node("d").fetch("5e55")
    assert fetched is not None and len(stored(tried)) == 2
    said = fetched.read_bytes()
    assert said == b"0 aaa\n120000 bbb\n300000 ccc"
    for name in order:  # after a restart: nothing is put twice
        again = node(name)
        again.put_finished()
        found = again.fetch("5e55")
        assert found is not None and found.read_bytes() == said and again.unsent == 0
    assert len(stored(tried)) == 2


def test_a_node_that_dies_when_pieces_were_joined_has_them_still(
    node: MakeNode, tried: Tried, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = node("a"), node("b")
    piece(first, 0, b"first")
    first.put_finished()
    piece(second, 1, b"second")
    monkeypatch.setattr(Shelf, "withdraw", withdraw_and_die)
    with pytest.raises(KeyboardInterrupt):
        second.put_finished()
    monkeypatch.undo()
    assert stored(tried) == [], "it died at the worst moment"
    node("b").put_finished()
    fetched = node("c").fetch("5e55")
    assert fetched is not None and fetched.read_bytes() == b"0 first\n60000 second"


@pytest.mark.parametrize("what", ["write_text", "replace", "note"])
@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
def test_a_node_that_dies_while_it_joins_doubles_no_piece_and_loses_none(
    what: str, is_done: bool, node: MakeNode, tried: Tried, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = node("a"), node("b")
    piece(first, 0, b"first")
    first.put_finished()
    piece(second, 1, b"second")
    owner, wanted = {"write_text": (Path, "5e55.plan"), "replace": (os, "5e55.mp4"), "note": (RecordingStore, "")}[what]
    act = getattr(owner, what)

    def die(*args: Any) -> Any:
        if is_done or not str(args[-1 if what == "replace" else 0]).endswith(wanted):
            act(*args)
        if str(args[-1 if what == "replace" else 0]).endswith(wanted):
            raise KeyboardInterrupt

    monkeypatch.setattr(owner, what, die)
    with pytest.raises(KeyboardInterrupt):
        second.put_finished()
    monkeypatch.undo()
    node("b").put_finished()
    fetched = node("c").fetch("5e55")
    assert fetched is not None and fetched.read_bytes() == b"0 first\n60000 second"
    found = node("c").find("5e55")
    assert found is not None and (len(found.joined), found.bytes) == (2, len(fetched.read_bytes()))


def test_pieces_lie_where_their_names_say_unless_the_file_is_otherwise() -> None:
    names = tuple(
        f"2026-11-22T02:00:{second:02}+00:00 {ms} ms 9 B" for second, ms in ((0, 3_000), (2, 5_020), (30, 40))
    )
    one = replace(INFO, state="done", duration_ms=30_040, joined=names)
    assert [(each.from_ms, each.until_ms) for each in spans(one)] == [(0, 3_000), (3_000, 8_020), (30_000, None)]
    for other in (replace(one, duration_ms=38_060), replace(one, joined=("of another release",))):
        assert [(each.from_ms, each.until_ms) for each in spans(other)] == [(0, None)]


def withdraw_and_die(self: Shelf, id: str, withdraw: Callable[[Shelf, str], bool] = Shelf.withdraw) -> bool:
    withdraw(self, id)
    raise KeyboardInterrupt


def test_pieces_that_cannot_be_one_leave_the_longer(tried: Tried, tmp_path: Path) -> None:
    here, there, third = (SharedRecordingStore(tmp_path / name, 7, tried.connect()) for name in "abc")
    for store, ms in ((here, 40), (there, 80), (third, 20)):
        recorded(store, data=b"%d ms" % ms)
        store.note(replace(INFO, state="done", bytes=5, duration_ms=ms))
        store.put_finished()
    fetched = node_of(tried, tmp_path).fetch("5e55")
    assert fetched is not None and fetched.read_bytes() == b"80 ms" and len(stored(tried)) == 2


def node_of(tried: Tried, tmp_path: Path) -> SharedRecordingStore:
    return SharedRecordingStore(tmp_path / "d", 7, tried.connect())


def test_a_deleted_one_is_gone_everywhere(node: MakeNode, tried: Tried, tmp_path: Path) -> None:
    here, there = node("a"), node("b")
    recorded(here)
    here.put_finished()
    there.fetch("5e55")
    assert here.delete("5e55") and not here.delete("5e55") and stored(tried) == []
    assert (there.find("5e55"), there.fetch("5e55")) == (None, None), "at once, though its copy lies there"
    there.refresh()
    assert list((tmp_path / "b" / "recordings").iterdir()) == []
    recorded(here, "other")
    here.put_finished()
    assert there.delete("other"), "by a node that never had it"
    here.refresh()
    assert here.find("other") is None and list((tmp_path / "a" / "recordings").iterdir()) == []


def test_one_that_is_deleted_while_it_is_put_does_not_come_back(
    node: MakeNode, tried: Tried, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = node("a")
    recorded(here)
    put = ObjectStore.put

    def meanwhile(self: ObjectStore, key: str, data: bytes | Path, create: bool = False) -> None:
        if create:
            assert here.delete("5e55")
        put(self, key, data, create)

    monkeypatch.setattr(ObjectStore, "put", meanwhile)
    here.put_finished()
    assert stored(tried) == [] and here.find("5e55") is None


def test_each_expires_for_all(tried: Tried, tmp_path: Path) -> None:
    if not tried.url.startswith("file:"):
        pytest.skip("nobody can make what an S3 server keeps older; the folder's test covers it")
    here, there = (SharedRecordingStore(tmp_path / name, 7, tried.connect()) for name in "ab")
    for session in ("old", "young"):
        recorded(here, session)
    here.put_finished()
    for session in ("old", "young"):
        there.fetch(session)
    for path in (tmp_path / "store" / "recordings" / "old").rglob("*"):
        os.utime(path, (time.time() - 8 * DAY_S,) * 2)
    there.sweep()
    here.refresh()
    for store in (here, there):
        assert store.find("old") is None and not store.path("old").exists()
        assert store.find("young") is not None and store.path("young").exists()


def test_a_copy_expires_with_what_it_is_a_copy_of(node: MakeNode, tried: Tried) -> None:
    here, there = node("a"), node("b")
    recorded(here)
    here.put_finished()
    kept_ns = next(stat.changed_ns for stat in tried.connect().list("recordings/") if stat.key.endswith("info.json"))
    fetched = there.fetch("5e55")
    assert fetched is not None and abs(fetched.stat().st_mtime_ns - kept_ns) < 1000


def test_quotas_count_what_any_node_made_once(node: MakeNode, tried: Tried) -> None:
    here, there = node("a"), node("b")
    recorded(here)
    assert here.bytes_by_owner() == {"ann": 600} and here.bytes_by_owner({"5e55"}) == {}
    here.put_finished()
    there.refresh()
    there.fetch("5e55")
    taken = sum(stat.bytes for stat in tried.connect().list("recordings/"))
    assert here.bytes_by_owner() == there.bytes_by_owner() == {"ann": taken}


def test_copies_have_a_bound(node: MakeNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = node("a"), node("b")
    sessions = [f"s{number}" for number in range(6)]
    for session in sessions:
        recorded(here, session)
    here.put_finished()
    monkeypatch.setattr(copies, "COPIES_MOST_BYTES", 2100)
    for round, session in enumerate((*sessions, sessions[3])):
        assert there.fetch(session) is not None
        os.utime(tmp_path / "b" / "recordings" / f"{session}.shared", (round, round))
    films = {path.stem for path in (tmp_path / "b" / "recordings").glob("*.mp4")}
    assert len(films) <= 3 and sessions[3] in films, "the one that was used last stays"
    here.refresh()
    assert len(list((tmp_path / "a" / "recordings").glob("*.mp4"))) <= 3, "the store has them"
    recorded(here, "unsent", b"x" * 5000)
    here.refresh()
    assert here.path("unsent").exists(), "what the store does not have stays"


def test_a_full_disk_refuses_a_fetch(node: MakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = node("a"), node("b")
    recorded(here)
    here.put_finished()

    def full(self: Disk, needed_bytes: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Disk, "require", full)
    with pytest.raises(Refusal) as caught:
        there.fetch("5e55")
    assert caught.value.code == "disk_full"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("info.json", lambda found: b"{}"),
        ("info.json", lambda found: found.replace(b'"5e55"', b'"other"')),
        ("info.json", lambda found: found.replace(b'"done"', b'"recording"')),
        ("info.json", lambda found: found.replace(b'"owner": "ann"', b'"owner": 7')),
        ("recording.mp4", lambda found: found[:-1]),
        ("recording.mp4", lambda found: found[:-1] + b"x"),
    ],
)
def test_what_somebody_spoiled_is_left_out(
    name: str, data: Callable[[bytes], bytes], node: MakeNode, tried: Tried
) -> None:
    here, there = node("a"), node("b")
    recorded(here)
    here.put_finished()
    objects = tried.connect()
    key = next(key for key in stored(tried) if key.endswith(name))
    objects.put(key, data(objects.get(key, 10_000)))
    there.refresh()
    assert there.find("5e55") is None or there.fetch("5e55") is None
    assert there.bytes_by_owner().total() in (0, sum(stat.bytes for stat in objects.list("recordings/")))
    assert there.delete("5e55") and node("c").find("5e55") is None
    assert not [key for key in stored(tried) if key.endswith("info.json")], "the rest is swept after a day, if it must"
