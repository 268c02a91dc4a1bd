from __future__ import annotations

from pathlib import Path

import pytest

from bench.processor import EVENT_LOOP, OTHER, TICKS_PER_S, ProcessTime, machine_busy_s, parse_stat, process_time


def stat(pid: int, name: str, user: int, system: int) -> str:
    return f"{pid} ({name}) S 1 {pid} {pid} 0 -1 4194304 500 0 0 0 {user} {system} 7 7 20 0 9 0 12345 999 88 1844\n"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """Process 100: a main thread, an inference thread, two encoders, one nobody named, one with a name of its own."""
    threads = [(100, "python", 50, 10), (101, "inference", 30, 5), (102, "encoder", 9, 1), (103, "encoder", 8, 2)]
    threads += [(104, "python", 3, 0), (105, "uv-worker-3", 1, 1)]
    for tid, name, user, system in threads:
        task = tmp_path / "100" / "task" / str(tid)
        task.mkdir(parents=True)
        (task / "stat").write_text(stat(tid, name, user, system))
    (tmp_path / "100" / "stat").write_text(stat(100, "python", 105, 20))
    (tmp_path / "stat").write_text("cpu  100 5 50 9000 70 1 2 30 0 0\ncpu0 1 2 3 4\n")
    return tmp_path


def test_a_name_may_hold_spaces_and_brackets() -> None:
    assert parse_stat(stat(7, "event (loop) 2", 30, 12)) == ("event (loop) 2", 42 / TICKS_PER_S)


def test_threads_are_grouped_by_their_names_and_the_main_thread_is_the_event_loop(proc: Path) -> None:
    found = process_time(100, proc)
    ticks = {name: round(used * TICKS_PER_S) for name, used in found.groups_s.items()}
    assert ticks == {EVENT_LOOP: 60, "inference": 35, "encoder": 20, OTHER: 3, "uv-worker": 2}
    assert round(found.total_s * TICKS_PER_S) == 125


def test_a_thread_that_carries_the_main_threads_name_is_nobodys(proc: Path) -> None:
    (proc / "100" / "task" / "100" / "stat").write_text(stat(100, "main", 50, 10))
    (proc / "100" / "task" / "104" / "stat").write_text(stat(104, "main", 3, 0))
    (proc / "100" / "stat").write_text(stat(100, "main", 105, 20))
    assert round(process_time(100, proc).groups_s[OTHER] * TICKS_PER_S) == 3


def test_what_ended_threads_used_counts_as_other() -> None:
    before = ProcessTime(10.0, {EVENT_LOOP: 4.0, "encoder": 3.0, OTHER: 1.0})
    after = ProcessTime(20.0, {EVENT_LOOP: 9.0, "encoder": 5.0, "inference": 1.0, OTHER: 1.0})
    assert after.since(before).groups_s == {EVENT_LOOP: 5.0, "encoder": 2.0, "inference": 1.0, OTHER: 2.0}


def test_time_stolen_by_other_guests_of_the_host_is_busy_time(proc: Path) -> None:
    assert round(machine_busy_s(proc) * TICKS_PER_S) == 188
