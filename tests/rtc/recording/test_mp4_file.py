"""The file: media time kept, playable wherever it breaks off, plain at a clean end."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from app.i420 import BLACK_LUMA, WHITE_LUMA, plain
from app.media import PACKETS_PER_FRAME, SAMPLES_PER_PACKET
from app.rtc.picture_encoder import Effort, make_encoder
from app.rtc.recording.mp4_file import FRAGMENT_US, Mp4File, Sample
from app.rtc.voice_encoder import VoiceEncoder
from tests.recorded import boxes, play, slot_of_sound

SIDE = 128


class Show:
    """A clapper's packets: white and loud together."""

    def __init__(self) -> None:
        self._pictures = make_encoder("H264", 500_000, 500_000, Effort.USUAL)
        self._voice = VoiceEncoder()

    def slot(self, number: int, key: bool = False) -> list[Sample]:
        loud = number % 25 in (10, 11, 12)
        sound = slot_of_sound(loud).reshape(PACKETS_PER_FRAME, SAMPLES_PER_PACKET)
        voice = [self._voice.encode(part, number * PACKETS_PER_FRAME + at) for at, part in enumerate(sound)]
        picture = self._pictures.encode(plain(SIDE, SIDE, WHITE_LUMA if loud else BLACK_LUMA), number, key)
        return [*(Sample(False, packet) for packet in voice), Sample(True, picture)]


class Disk:
    """What was put on the disk, in order; it takes ``room`` bytes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int = 10**9) -> None:
        self.room, self.puts = room, list[tuple[int, bytes]]()
        self._pwrite = os.pwrite
        monkeypatch.setattr("app.rtc.recording.growing_file.os.pwrite", self._put)

    def _put(self, file: int, data: memoryview, at: int) -> int:
        taken = data[: max(0, self.room - at)]
        if not len(taken):
            raise OSError(errno.ENOSPC, "No space left on device")
        self.puts.append((at, bytes(taken)))
        return self._pwrite(file, taken, at)

    def after(self, puts: int, more: int) -> bytes:
        """Return what lies there when a process is killed after so many puts, and so many bytes of the next."""
        file = bytearray()
        for at, data in [*self.puts[:puts], (self.puts[puts][0], self.puts[puts][1][:more])]:
            file += bytes(max(0, at + len(data) - len(file)) if data else 0)
            file[at : at + len(data)] = data
        return bytes(file)


def test_light_and_sound_meet_in_the_file_to_the_sample_while_it_grows_and_at_the_end(tmp_path: Path) -> None:
    show, path = Show(), tmp_path / "new" / "a.mp4"
    file = Mp4File(path, SIDE, SIDE)
    for number in range(200):
        file.write(show.slot(number, key=number == 0))
    growing = tmp_path / "growing.mp4"
    growing.write_bytes(path.read_bytes()[: file.whole_bytes])
    assert "moof" in boxes(growing) and file.duration_ms == 8000
    assert file.close() == path.stat().st_size
    assert "moof" not in boxes(path) and set(boxes(path)) == {"ftyp", "free", "mdat", "moov"}
    for recorded, slots in ((growing, 185), (path, 200)):
        played = play(recorded)
        assert len(played.times) >= slots
        np.testing.assert_array_equal(np.array(played.times, float), np.arange(len(played.times)) / 25)
        np.testing.assert_allclose(played.flashes(), np.arange(len(played.flashes())) + 0.4, atol=1e-9)
        np.testing.assert_allclose(played.beeps()[:7], played.flashes()[:7], atol=0.001)
        assert abs(float(played.times[-1]) + 0.04 - len(played.sound) / 48_000) < FRAGMENT_US / 1e6


def test_wherever_a_process_is_killed_no_more_than_a_fragment_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show, path, torn, disk = Show(), tmp_path / "a.mp4", tmp_path / "torn.mp4", Disk(monkeypatch)
    file = Mp4File(path, SIDE, SIDE)
    muxed_s: list[float] = []  # when each put was done
    for number in range(150):
        file.write(show.slot(number, key=number == 0))
        muxed_s += [(number + 1) / 25] * (len(disk.puts) - len(muxed_s))
    file.close()
    muxed_s += [6.0] * (len(disk.puts) - len(muxed_s))
    first = next(put for put, at_s in enumerate(muxed_s) if at_s > 1)
    for put in range(first, len(disk.puts)):
        length = len(disk.puts[put][1])
        for more in {0, 1, length // 3, length - 1, length}:
            torn.write_bytes(disk.after(put, more))
            assert play(torn).seconds >= muxed_s[put] - 2 * FRAGMENT_US / 1e6 - 0.1, f"{more} bytes of put {put}"


def test_after_a_gap_everything_is_at_its_time_and_the_voice_was_silent(tmp_path: Path) -> None:
    show, path = Show(), tmp_path / "a.mp4"
    file = Mp4File(path, SIDE, SIDE)
    for number in [*range(60), *range(110, 200)]:
        file.write(show.slot(number, key=number in (0, 110)))
    file.close()
    played = play(path)
    assert {0, 110 / 25} <= set(map(float, played.keys))
    gaps = np.diff([float(time) for time in played.times])
    assert gaps.max() == pytest.approx(51 / 25) and (np.sort(gaps)[:-1] == pytest.approx(0.04))
    np.testing.assert_allclose(played.flashes(), [0.4, 1.4, 4.44, 5.4, 6.4, 7.4][: len(played.flashes())], atol=0.05)
    np.testing.assert_allclose(played.beeps()[-3:], [5.4, 6.4, 7.4], atol=0.001)
    assert np.abs(played.sound[int(2.45 * 48_000) : int(4.35 * 48_000)]).max() < 0.01
    assert len(played.sound) / 48_000 == pytest.approx(8, abs=0.03)


def test_what_begins_late_stands_from_the_beginning(tmp_path: Path) -> None:
    show, path = Show(), tmp_path / "a.mp4"
    file = Mp4File(path, SIDE, SIDE)
    for number in range(5, 60):
        file.write(show.slot(number, key=number == 5))
    file.close()
    played = play(path)
    assert [float(time) for time in played.times[:2]] == [0, 0.24]
    np.testing.assert_allclose(played.beeps(), [0.4, 1.4], atol=0.001)
    np.testing.assert_allclose(played.flashes(), [0.4, 1.4])


def test_a_stream_that_stops_holds_the_other_one_up_no_longer_than_a_fragment(tmp_path: Path) -> None:
    show, path = Show(), tmp_path / "a.mp4"
    file = Mp4File(path, SIDE, SIDE)
    for number in range(250):
        file.write(show.slot(number, key=number == 0)[: 3 if number < 50 else 2])
    torn = tmp_path / "torn.mp4"
    torn.write_bytes(path.read_bytes())
    assert len(play(torn).sound) / 48_000 > 10 - 2.5 * FRAGMENT_US / 1e6
    file.close()


@pytest.mark.parametrize("room", [0, 1_000, 10_000, 20_001])
def test_a_full_disk_is_said_once_and_leaves_whole_fragments(
    room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show, path = Show(), tmp_path / "a.mp4"
    Disk(monkeypatch, room)
    file = Mp4File(path, SIDE, SIDE)
    with pytest.raises(OSError, match="space") as refused:
        for number in range(1000):
            file.write(show.slot(number, key=number == 0))
    assert refused.value.errno == errno.ENOSPC
    assert file.close() == path.stat().st_size == file.whole_bytes <= room
    if room >= 10_000:
        assert boxes(path)[-2:] == ["moof", "mdat"] and play(path).seconds > 1
    else:
        assert path.stat().st_size == 0


def test_a_disk_without_room_for_the_index_leaves_whole_fragments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show, path, disk = Show(), tmp_path / "a.mp4", Disk(monkeypatch)
    file = Mp4File(path, SIDE, SIDE)
    for number in range(100):
        file.write(show.slot(number, key=number == 0))
    disk.room = path.stat().st_size + 5_000
    with pytest.raises(OSError, match="space"):
        file.close()
    assert boxes(path)[-2:] == ["moof", "mdat"]
    assert play(path).seconds > 3.4
