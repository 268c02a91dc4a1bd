"""What a session is believed to take, from what the machine is seen to do."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from app.media import NS_PER_S
from app.sessions.load import COMPETES, REST_AT_FIRST, Load, Usage, machine_ns, usable_cores

PIXELS = 768 * 768
CODING_AT_FIRST = 0.1 * NS_PER_S / 25 / PIXELS  # a tenth of a core a session


@dataclass
class FakeMachine:
    """Spends processor time as it is told."""

    usage: Usage = field(default_factory=lambda: Usage(0, 0, 0, 0, 0, 0))

    def run(self, load: Load, seconds: float, sessions: int, coding: float, rest: float, others: float = 0.0) -> None:
        for _ in range(int(seconds * 2)):
            half = NS_PER_S // 2
            drawing, coded = int(0.2 * half * sessions), int(coding * half * sessions)
            process = drawing + coded + int(rest * half * sessions)
            self.usage = Usage(
                self.usage.at_ns + half,
                self.usage.process_ns + process,
                self.usage.inference_ns + drawing,
                self.usage.resting_ns,
                self.usage.coding_ns + coded,
                self.usage.machine_ns + process + int(others * half),
            )
            load.sample([PIXELS] * sessions)


@pytest.fixture
def machine() -> FakeMachine:
    return FakeMachine()


@pytest.fixture
def load(machine: FakeMachine) -> Load:
    return Load(lambda: machine.usage, 2, CODING_AT_FIRST)


def test_before_anything_was_measured_the_calibration_speaks(load: Load) -> None:
    assert load.coding_cores(PIXELS) == pytest.approx(0.1)
    assert load.rest_cores == REST_AT_FIRST
    assert load.others_cores == 0


@pytest.mark.parametrize("sessions", [1, 4])
def test_what_a_session_takes_is_all_of_it(machine: FakeMachine, load: Load, sessions: int) -> None:
    machine.run(load, 20, sessions, coding=0.3, rest=0.15)
    assert load.coding_cores(PIXELS) == pytest.approx(0.3, rel=0.02)
    assert load.coding_cores(PIXELS // 2) == pytest.approx(0.15, rel=0.02), "a smaller picture takes less"
    assert load.rest_cores == pytest.approx(0.15, rel=0.02)


@pytest.mark.parametrize("left", [0, 1])
def test_ten_seconds_after_a_rush_the_truth_is_back(machine: FakeMachine, load: Load, left: int) -> None:
    machine.run(load, 30, 8, coding=0.4, rest=0.3)
    machine.run(load, 10, left, coding=0.1, rest=REST_AT_FIRST)
    assert load.coding_cores(PIXELS) == pytest.approx(0.1, rel=0.2)
    assert load.rest_cores == pytest.approx(REST_AT_FIRST, rel=0.3)


def test_others_count_as_far_as_they_compete(machine: FakeMachine, load: Load) -> None:
    machine.run(load, 5, 1, coding=0.1, rest=0.05, others=1.0)
    assert load.others_cores == pytest.approx(COMPETES)
    machine.run(load, 5, 1, coding=0.1, rest=0.05)
    assert load.others_cores == pytest.approx(0)


def test_usage_is_a_difference() -> None:
    usage = Usage(1, 2, 3, 4, 5, 6)
    assert usage - replace(usage, machine_ns=1) == Usage(0, 0, 0, 0, 0, 5)


def test_the_real_machine_can_be_asked() -> None:
    assert usable_cores() >= 0.1
    first = machine_ns()
    assert machine_ns() >= first > 0
