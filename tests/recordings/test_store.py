"""Recordings on disk: found until they expire, mended where a server was killed."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from app.i420 import BLACK_LUMA, plain
from app.media import SAMPLES_PER_PACKET
from app.provenance.origin import Origin
from app.provenance.xmp import xmp_box
from app.recordings.boxes import whole_until
from app.recordings.recording_info import RecordingFault, RecordingInfo
from app.recordings.store import ABANDONED_S, DAY_S, RecordingStore
from app.rtc.picture_encoder import Effort, make_encoder
from app.rtc.recording.mp4_file import Mp4File, Sample
from app.rtc.subscription import Encoded
from app.rtc.voice_encoder import OpusEncoder
from tests.recorded import boxes, play, slot_of_sound

INFO = RecordingInfo("5e55", "default", "2026-11-22T02:00:00+00:00")


@pytest.fixture
def store(tmp_path: Path) -> RecordingStore:
    return RecordingStore(tmp_path, 7)


def growing(path: Path, slots: int = 60) -> Mp4File:
    """Write so many slots, and leave the file as it is."""
    file, pictures, voice = Mp4File(path, 64, 64), make_encoder("H264", 200_000, 200_000, Effort.USUAL), OpusEncoder()
    silence = slot_of_sound(False)[:SAMPLES_PER_PACKET]
    for slot in range(slots):
        sound: list[Encoded] = [voice.encode_packet(silence, 2 * slot + part) for part in range(2)]
        file.write([*(Sample(False, each) for each in sound)])
        file.write([Sample(True, pictures.encode(plain(64, 64, BLACK_LUMA), slot, slot == 0))])
    return file


def age(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


def test_a_recording_is_found_by_its_session_and_deleted(store: RecordingStore) -> None:
    assert store.find("5e55") is None and not store.delete("5e55")
    length = growing(store.path("5e55")).close()
    failed = RecordingFault("disk_full", "The disk is full.")
    info = replace(INFO, state="failed", bytes=length, duration_ms=2400, error=failed)
    store.note(info)
    assert store.find("5e55") == info and store.playable_bytes(info) == length
    assert store.delete("5e55") and store.find("5e55") is None and not store.path("5e55").exists()


@pytest.mark.parametrize("session", ["..", "../5e55", "a/b", "", "5e55.mp4", "x" * 65])
def test_what_is_no_session_finds_nothing(session: str, store: RecordingStore) -> None:
    store.note(INFO)
    assert store.find(session) is None and not store.delete(session)


def test_facts_that_cannot_be_read_are_left_out(store: RecordingStore) -> None:
    store.note(INFO)
    store.path("5e55").with_suffix(".json").write_text("{")
    assert store.find("5e55") is None


def test_what_has_expired_is_removed_and_nothing_else(store: RecordingStore) -> None:
    for session in ("old", "new"):
        growing(store.path(session), 20).close()
        store.note(replace(INFO, session=session, state="done", bytes=1))
    for suffix in (".mp4", ".json"):
        age(store.path("old").with_suffix(suffix), 7 * DAY_S + 10)
        age(store.path("new").with_suffix(suffix), 7 * DAY_S - 10)
    store.sweep()
    assert store.find("old") is None and not store.path("old").exists()
    assert store.find("new") is not None and store.path("new").exists()


def test_what_was_being_signed_when_the_server_was_killed_is_removed(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path, 0)
    growing(store.path("old"), 20).close()
    left = store.path("old").with_name("old.mp4.signing")
    left.write_bytes(b"x")
    store.sweep()
    assert left.exists(), "it may still be written"
    age(left, ABANDONED_S + 10)
    store.sweep()
    assert not left.exists() and store.path("old").exists()


def test_nothing_expires_where_it_is_kept_for_ever(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path, 0)
    store.sweep()
    growing(store.path("old"), 20).close()
    store.note(replace(INFO, session="old", state="done"))
    age(store.path("old"), 10_000 * DAY_S)
    store.sweep()
    assert store.path("old").exists()


def test_what_is_still_written_is_found_as_far_as_it_is_whole(store: RecordingStore) -> None:
    store.note(INFO)
    assert store.find("5e55") is None, "there is nothing to play yet"
    file = growing(store.path("5e55"))
    found = store.find("5e55")
    assert found is not None and found.state == "recording" and found.bytes == file.whole_bytes > 0
    file.close()


def test_what_a_killed_server_left_is_mended_once_nobody_writes_it(store: RecordingStore) -> None:
    store.note(INFO)
    path = store.path("5e55")
    file = growing(path)
    with path.open("ab") as torn:
        torn.write(b"\x00\x00\x10\x00moof half of it")
    store.sweep()
    assert path.stat().st_size > file.whole_bytes, "it may still be written"
    age(path, ABANDONED_S + 10)
    store.sweep(["5e55"])
    assert path.stat().st_size > file.whole_bytes, "it is still written"
    written = path.stat().st_mtime
    store.sweep()
    found = store.find("5e55")
    assert found is not None and found.error is not None
    assert (found.state, found.error.code, found.bytes) == ("failed", "cut_short", path.stat().st_size)
    assert path.stat().st_size == file.whole_bytes and path.stat().st_mtime == pytest.approx(written)
    assert boxes(path)[-1] == "mdat" and found.duration_ms == pytest.approx(1000 * play(path).seconds, abs=60)


def test_what_is_mended_is_marked_too(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path, 7, 0, Origin("Made up").mark_if_possible)
    store.note(INFO)
    path = store.path("5e55")
    whole = growing(path).whole_bytes
    age(path, ABANDONED_S + 10)
    store.sweep()
    found = store.find("5e55")
    assert found is not None and found.bytes == path.stat().st_size == whole + len(xmp_box("Made up"))
    assert found.duration_ms == pytest.approx(1000 * play(path).seconds, abs=60)


def test_of_what_holds_nothing_nothing_stays(store: RecordingStore) -> None:
    store.note(INFO)
    store.path("5e55").write_bytes(b"\x00\x00\x00\x08free\x00\x00")
    age(store.path("5e55"), ABANDONED_S + 10)
    store.sweep()
    assert not store.path("5e55").exists() and not store.path("5e55").with_suffix(".json").exists()


def box(kind: bytes, content: bytes = b"", longer: bool = False) -> bytes:
    length = 8 + 8 * longer + len(content)
    return (b"\x00\x00\x00\x01" + kind + length.to_bytes(8) if longer else length.to_bytes(4) + kind) + content


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (b"", 0),
        (box(b"ftyp", b"isom"), 0),
        (box(b"ftyp") + box(b"mdat", b"x" * 9) + box(b"moov"), 0),
        (box(b"ftyp") + box(b"moof", b"ab") + box(b"mdat", b"x" * 9), 8 + 10 + 17),
        (box(b"ftyp") + box(b"moof", b"ab") + box(b"mdat", b"x" * 9, longer=True), 8 + 10 + 25),
        (box(b"ftyp") + box(b"moof", b"ab") + box(b"mdat", b"x" * 9) + box(b"moof") + box(b"mdat", b"x")[:-1], 35),
        (box(b"ftyp") + box(b"moof", b"ab") + box(b"mdat", b"x" * 9) + bytes(100), 35),
        (box(b"ftyp") + box(b"moof", b"ab") + box(b"mdat", b"x" * 9) + b"\x00\x00\x00", 35),
    ],
)
def test_fragments_are_counted_as_far_as_they_are_whole(data: bytes, whole: int, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(data)
    with path.open("rb") as file:
        assert whole_until(file.fileno()) == whole
