"""How busy the machine is while a test measures, and what may be believed of the measurement then."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import pytest

# late by that much in one of twenty wakings: media at 25 pictures a second suffer, and say nothing any more
LOUD_MS, DEAFENING_MS = 3.0, 10.0
TRIES = 3

Result = TypeVar("Result")
Faults = dict[str, str]  # a sentence for each kind
DOUBT = "doubt"  # no fault: nothing can be told
WANDERS = {"drift ahead", "drift behind", DOUBT}  # what a browser does by itself, to and fro, must stay even when quiet

# A process of its own, so that nothing of the test holds it up: it sleeps, works a little, and notes by how much both
# took longer than they should, until its input closes.
SLEEPER = """
import json, select, sys, time
STEP_S = 0.01
lates_ms = []
while True:
    before = time.perf_counter()
    if select.select([sys.stdin], [], [], STEP_S)[0]:
        break
    woken, worked = time.perf_counter(), time.thread_time()
    sum(range(20_000))
    waited = time.perf_counter() - woken - (time.thread_time() - worked)
    lates_ms.append(1000 * (woken - before - STEP_S + waited))
lates_ms.sort()
print(json.dumps([lates_ms[int(q * len(lates_ms))] for q in (0.5, 0.95)] + lates_ms[-1:] if lates_ms else [0, 0, 0]))
"""


@dataclass(frozen=True, slots=True)
class Noise:
    """How late something woke that wanted to: ms."""

    p50_ms: float
    p95_ms: float
    most_ms: float

    @property
    def is_loud(self) -> bool:
        return self.p95_ms > LOUD_MS

    @property
    def is_deafening(self) -> bool:
        return self.p95_ms > DEAFENING_MS

    def __str__(self) -> str:
        return f"a sleeper beside it woke {self.p50_ms:.1f} ms late, p95 {self.p95_ms:.1f}, at most {self.most_ms:.0f}"


class NoiseMeter:
    """``with NoiseMeter() as meter``; afterwards ``meter.noise`` is known."""

    noise: Noise

    def __enter__(self) -> NoiseMeter:
        self._sleeper = subprocess.Popen(
            [sys.executable, "-S", "-c", SLEEPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *error: object) -> None:
        said, _ = self._sleeper.communicate(timeout=30)
        self.noise = Noise(*json.loads(said))


async def believed(
    measure: Callable[[], Awaitable[Result]], faults: Callable[[Result, Noise], Faults], tries: int = TRIES
) -> Result:
    """Measure until there is a verdict: on a quiet machine at once, on a loud one faults count when they stay.

    ``faults`` says what is wrong with a result: a sentence for each kind of fault; nothing is a pass. A machine that
    was too busy each time gives no verdict: the test is skipped, and says so.
    """
    stayed: Faults | None = None
    was_deaf = True
    for _ in range(tries):
        with NoiseMeter() as meter:
            result = await measure()
        wrong = faults(result, meter.noise)
        print(f"{wrong or 'nothing wrong'}; {meter.noise}")
        was_deaf &= meter.noise.is_deafening
        stayed = wrong if stayed is None else {kind: wrong[kind] for kind in stayed.keys() & wrong.keys()}
        if not wrong or not stayed:
            return result
        if not meter.noise.is_loud and not wrong.keys() & WANDERS:
            stayed = wrong
            break
    assert stayed is not None, "there is one try at least"
    said = f"{'; '.join(stayed.values())} ({meter.noise})"
    if was_deaf or stayed.keys() == {DOUBT}:
        pytest.skip(f"the machine is too busy to tell: {said}")
    pytest.fail(said)
