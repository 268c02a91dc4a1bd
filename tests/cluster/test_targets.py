"""Cards of stages, as Prometheus finds them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.cluster.targets import targets, write_targets

FIRST = {"stage": "a1", "url": "https://faces.example.org", "inner": "http://10.0.0.7:8100", "places": 8}
SECOND = {"stage": "b2", "url": "https://b.stages.example.org:8101", "places": 8}
SIXTH = {"stage": "c3", "url": "http://[fd00::7]:8102", "inner": "", "places": 8}


def test_a_stage_is_found_where_it_listens_inside() -> None:
    assert targets([SECOND, FIRST, SIXTH]) == [
        {"targets": ["10.0.0.7:8100"], "labels": {"replica": "a1", "node": "10.0.0.7"}},
        {
            "targets": ["b.stages.example.org:8101"],
            "labels": {"replica": "b2", "node": "b.stages.example.org", "__scheme__": "https"},
        },
        {"targets": ["[fd00::7]:8102"], "labels": {"replica": "c3", "node": "fd00::7"}},
    ]
    assert targets([]) == []


def test_the_file_is_replaced_whole_and_may_be_read_by_another_user(tmp_path: Path) -> None:
    file = tmp_path / "stages.json"
    write_targets(file, [FIRST])
    write_targets(file, [FIRST, SECOND])
    assert [each["labels"]["replica"] for each in json.loads(file.read_text())] == ["a1", "b2"]
    assert file.stat().st_mode & 0o777 == 0o644 and list(tmp_path.iterdir()) == [file]


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    file = tmp_path / "stages.json"
    write_targets(file, [FIRST])
    before = file.read_text()
    with pytest.raises(KeyError):
        write_targets(file, [{"url": "http://10.0.0.7:8100"}])
    assert file.read_text() == before and list(tmp_path.iterdir()) == [file]
