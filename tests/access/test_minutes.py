"""Minutes of sessions a day, over restarts and clocks that jump."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from app.access.minutes import MOST_DAYS, Minutes

TODAY = date(2026, 11, 22)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "usage.json"


def kept(minutes: Minutes, path: Path) -> Minutes:
    text = minutes.unwritten()
    assert text is not None
    minutes.write(text)
    assert minutes.unwritten() is None
    again = Minutes(path)
    again.load()
    return again


def test_what_was_used_is_known_after_a_restart(path: Path) -> None:
    minutes = Minutes(path)
    minutes.load()
    for _ in range(3):
        minutes.add("key_a", 20, TODAY)
    minutes = kept(minutes, path)
    assert minutes.used_s("key_a", TODAY) == 60 and minutes.used_s("key_b", TODAY) == 0
    assert [each.name for each in path.parent.iterdir()] == ["usage.json"]


def test_a_day_begins_anew_and_a_clock_that_jumps_gives_nobody_another_one(path: Path) -> None:
    minutes = Minutes(path)
    minutes.add("key_a", 60, TODAY)
    tomorrow = TODAY + timedelta(days=1)
    assert minutes.used_s("key_a", tomorrow) == 0
    minutes.add("key_a", 5, tomorrow)
    assert minutes.used_s("key_a", TODAY) == 60


def test_no_more_days_are_kept_than_are_needed(path: Path) -> None:
    minutes = Minutes(path)
    for day in range(100):
        minutes.add("key_a", 1, TODAY + timedelta(days=day))
    minutes = kept(minutes, path)
    assert sum(minutes.used_s("key_a", TODAY + timedelta(days=day)) for day in range(100)) == MOST_DAYS


@pytest.mark.parametrize("text", ["", "[]", '{"x": {}}', '{"2026-11-22": 5}', '{"2026-11-22": {"k": "x"}}', "[" * 9999])
def test_a_damaged_file_is_said_and_counting_begins_anew(
    path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    path.write_text(text)
    minutes = Minutes(path)
    minutes.load()
    assert "begin anew" in caplog.text and minutes.used_s("k", TODAY) == 0


def test_one_that_cannot_be_written_leaves_nothing_behind(path: Path) -> None:
    minutes = Minutes(path)
    minutes.add("key_a", 1, TODAY)
    path.mkdir(parents=True)
    text = minutes.unwritten()
    assert text is not None
    with pytest.raises(OSError):
        minutes.write(text)
    assert minutes.unwritten() == text and [each.name for each in path.parent.iterdir()] == ["usage.json"]
