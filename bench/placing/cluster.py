"""Stages that are up, that start and that go, and the fronts: what a simulation of them does at an instant."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from bench.placing.plan import Plan
from bench.placing.routing import QueueLengths
from bench.placing.stage import Session, Stage
from bench.placing.tally import Look


@dataclass(slots=True, eq=False)
class Front:
    """One that places: its router's memory, and who waits in it."""

    cache: QueueLengths
    queued: int = 0
    alive: bool = True


class Cluster:
    """All stages and fronts; ``routed`` are the stages that Serve's routers choose from."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.routed: list[Stage] = []
        self.leaving: list[Stage] = []
        self.starting = 0
        self.wanted = plan.stages.least
        self.fronts = [Front(QueueLengths(plan.fronts.cache_s)) for _ in range(plan.fronts.count)]
        for _ in range(plan.stages.least):
            self.add()

    def add(self) -> Stage:
        """Let one more stage be up."""
        stage = Stage(self._plan.stages.places, self._plan.stages.most_ongoing)
        self.routed.append(stage)
        return stage

    def front(self, dice: random.Random) -> Front | None:
        """Return any front that lives."""
        alive = [front for front in self.fronts if front.alive]
        return dice.choice(alive) if alive else None

    def drain_newest(self) -> Stage:
        """Stop routing to the newest stage, as Serve does where all stand on nodes of their own."""
        stage = self.routed.pop()
        stage.draining = True
        self.leaving.append(stage)
        self._forget(stage)
        return stage

    def kill(self, stage: Stage, now_s: float) -> list[Session]:
        """End a stage; returns the sessions it had."""
        stage.alive = False
        broken = list(stage.sessions)
        for session in broken:
            stage.leave(session, now_s)
        if stage in self.leaving:
            self.leaving.remove(stage)
        return broken

    def notice(self, stage: Stage) -> None:
        """Let routers know of a death."""
        if stage in self.routed:
            self.routed.remove(stage)
        self._forget(stage)

    def lose_front(self, front: Front) -> None:
        """End a front: its leases are lost, and its successor remembers nothing."""
        front.alive = False
        for stage in self.stages():
            stage.forget_front(front.cache)
        front.cache = QueueLengths(self._plan.fronts.cache_s)

    def let_go(self) -> None:
        """End the draining stages that are empty."""
        self.leaving = [stage for stage in self.leaving if stage.sessions]

    def stages(self) -> Iterator[Stage]:
        """Yield all that live."""
        yield from (stage for stage in (*self.routed, *self.leaving) if stage.alive)

    @property
    def requests(self) -> int:
        """What Serve's autoscaling counts: leases, and who waits for one."""
        return sum(stage.ongoing for stage in self.stages()) + sum(front.queued for front in self.fronts)

    def look(self, at_s: float) -> Look:
        """Return how things stand; places of a draining stage count as far as they are taken."""
        counts = [len(stage.sessions) for stage in self.stages()]
        up = [stage for stage in self.routed if stage.alive]
        places = sum(stage.places for stage in up) + sum(len(stage.sessions) for stage in self.leaving)
        return Look(at_s, sum(counts), len(counts), places, self.starting, tuple(sorted(counts)))

    def _forget(self, stage: Stage) -> None:
        for front in self.fronts:
            front.cache.forget(stage)
