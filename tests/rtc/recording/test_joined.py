"""Pieces of a session, recorded in several places, become one recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.rtc.recording.joined import Piece, join
from app.rtc.recording.mp4_file import Mp4File
from tests.recorded import boxes, play
from tests.rtc.recording.test_mp4_file import SIDE, Show


def recorded(path: Path, slots: int, side: int = SIDE) -> Piece:
    """Record a show from its own beginning."""
    show, file = Show(), Mp4File(path, side, side)
    for number in range(slots):
        file.write(show.slot(number, key=number == 0))
    file.close()
    return Piece(path, 0)


def test_light_and_sound_meet_in_each_piece_and_what_lies_between_is_silent_and_still(tmp_path: Path) -> None:
    first, second = recorded(tmp_path / "a.mp4", 100), recorded(tmp_path / "b.mp4", 75)
    joined = tmp_path / "joined.mp4"
    assert join([first, Piece(second.path, 6_000)], joined, {"comment": "made by a machine"}) == 9_000
    played = play(joined)
    assert "moof" not in boxes(joined)
    np.testing.assert_allclose(played.flashes(), [0.4, 1.4, 2.4, 3.4, 6.4, 7.4, 8.4], atol=1e-9)
    np.testing.assert_allclose(played.beeps(), played.flashes(), atol=0.001)
    assert len(played.times) == 175 and float(played.times[100]) == 6.0
    assert len(played.sound) / 48_000 == pytest.approx(9.0, abs=0.02)


def test_pieces_that_overlap_follow_each_other(tmp_path: Path) -> None:
    first, second = recorded(tmp_path / "a.mp4", 50), recorded(tmp_path / "b.mp4", 50)
    joined = tmp_path / "joined.mp4"
    assert join([first, Piece(second.path, 1_000)], joined) == 4_000
    played = play(joined)
    np.testing.assert_allclose(played.flashes(), [0.4, 1.4, 2.4, 3.4], atol=1e-9)
    np.testing.assert_allclose(played.beeps(), played.flashes(), atol=0.001)


def test_a_joined_one_can_be_joined_again(tmp_path: Path) -> None:
    pieces = [recorded(tmp_path / f"{name}.mp4", 50) for name in "abc"]
    join(pieces[:2], tmp_path / "ab.mp4")
    assert join([Piece(tmp_path / "ab.mp4", 0), pieces[2]], tmp_path / "abc.mp4") == 6_000
    played = play(tmp_path / "abc.mp4")
    np.testing.assert_allclose(played.flashes(), np.arange(6) + 0.4, atol=1e-9)
    np.testing.assert_allclose(played.beeps(), played.flashes(), atol=0.001)


def test_one_that_comes_late_is_put_between_two_that_are_one_already(tmp_path: Path) -> None:
    early, middle, last = (recorded(tmp_path / f"{name}.mp4", 50) for name in "abc")
    one = tmp_path / "ac.mp4"
    assert join([early, Piece(last.path, 7_000)], one) == 9_000
    joined = tmp_path / "abc.mp4"
    assert join([Piece(one, 0, 0, 2_000), Piece(middle.path, 4_000), Piece(one, 7_000, 7_000)], joined) == 9_000
    played = play(joined)
    np.testing.assert_allclose(played.flashes(), [0.4, 1.4, 4.4, 5.4, 7.4, 8.4], atol=1e-9)
    np.testing.assert_allclose(played.beeps(), played.flashes(), atol=0.001)
    assert len(played.times) == 150 and len(played.sound) / 48_000 == pytest.approx(9.0, abs=0.02)


def test_what_cannot_be_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b.mp4").write_bytes(b"no film")
    with pytest.raises(ValueError, match="cannot be read"):
        join([recorded(tmp_path / "a.mp4", 25), Piece(tmp_path / "b.mp4", 0)], tmp_path / "c.mp4")
    assert not (tmp_path / "c.mp4").exists()
