"""Everything in its time: a discrete-event simulation of a plan, for one seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from typing import Any

import simpy

from bench.placing.arrivals import Arrival, arrivals
from bench.placing.cluster import Cluster, Front
from bench.placing.plan import Plan
from bench.placing.routing import choose, wait_s
from bench.placing.scaling import Scaler
from bench.placing.stage import Answer, Session, Stage
from bench.placing.tally import Look, Tally

Process = Generator[Any, Any, Any]
LOOK_S, MOVE_AGAIN_S = 1.0, 5.0


def simulate(plan: Plan, seed: int, dice: int = 0, watch: Callable[[Cluster], None] | None = None) -> Tally:
    """Run a plan to its end. ``seed`` says who comes, with ``dice`` what else is left to chance.

    ``watch`` is called with the cluster each second.
    """
    return Simulation(plan, seed, dice, watch).run()


class Simulation:
    """One run; its dice are its own, so that arrivals are the same whatever the stages do."""

    def __init__(self, plan: Plan, seed: int, dice: int, watch: Callable[[Cluster], None] | None = None) -> None:
        self._plan, self._seed, self._watch = plan, seed, watch
        self._env = simpy.Environment()
        self._dice = random.Random(f"cluster {seed} {dice}")
        self._cluster = Cluster(plan)
        self._scaler = Scaler(plan.stages)
        self._lives: dict[Session, Any] = {}
        self.tally = Tally()

    def run(self) -> Tally:
        """Let everybody come and go."""
        faults = self._plan.faults
        self._env.process(self._doors())
        self._env.process(self._keep())
        for stage in list(self._cluster.routed):
            self._doom(stage)
        if faults.front_mean_s:
            for front in self._cluster.fronts:
                self._env.process(self._front_fate(front))
        self._env.run(until=self._plan.seconds)
        self._note(self._cluster.look(self._plan.seconds))
        return self.tally

    # who comes

    def _doors(self) -> Process:
        for arrival in arrivals(self._plan.visitors, self._plan.seconds, self._seed):
            yield self._env.timeout(arrival.at_s - self._env.now)
            session = Session(ends_s=0.0)
            self._lives[session] = self._env.process(self._live(session, arrival))

    def _live(self, session: Session, arrival: Arrival) -> Process:
        tally = self.tally
        tally.came += 1
        self._count("came", arrival)
        try:
            making_s = yield from self._come(session, arrival)
            if making_s is None:
                tally.refused += 1
                self._count("refused", arrival)
                return
            tally.placed += 1
            leaving_s = self._dice.uniform(*self._plan.fronts.leaving_s)
            session.ends_s = self._env.now + making_s + arrival.length_s + leaving_s
            kept = True
            while kept and self._env.now < session.ends_s:
                try:
                    kept = yield from self._stay(session)
                except simpy.Interrupt:
                    continue  # its stage died, or lets it go: what to do depends on how it stands now
            if session.stage is not None:
                session.stage.leave(session, self._env.now)
            tally.ended += kept
            tally.lost += not kept
        finally:
            del self._lives[session]

    def _come(self, session: Session, arrival: Arrival) -> Process:
        """Ask for a place, again and again while patience lasts; returns how long making it takes then, or None."""
        visitors, was_refused = self._plan.visitors, False
        while not (yield from self._ask(session)):
            if not was_refused:
                was_refused = True
                self._count("refused_first", arrival)
            if self._env.now + visitors.again_s > arrival.at_s + visitors.patience_s:
                return None
            yield self._env.timeout(visitors.again_s)
        making_s = self._dice.uniform(*self._plan.fronts.making_s)
        waited_s = self._env.now - arrival.at_s + making_s
        if arrival.at_s >= self._plan.settle_s:
            self.tally.waits_s.append(waited_s)
            if arrival.of_crowd:
                self.tally.crowd_s.append(waited_s)
        return making_s

    def _stay(self, session: Session) -> Process:
        """Live until the end, or until something must be done; returns whether the session goes on."""
        if session.stage is None:
            return (yield from self._come_back(session))
        if session.move_by_s is not None:
            return (yield from self._move(session, session.move_by_s))
        yield self._env.timeout(session.ends_s - self._env.now)
        return True

    def _come_back(self, session: Session) -> Process:
        """Be made anew after a stage's death."""
        broken_s, faults = self._env.now, self._plan.faults
        session.move_by_s = None
        yield self._env.timeout(faults.notice_s)
        until_s = broken_s + faults.revival_s
        while not (yield from self._ask(session)):
            if self._env.now >= min(until_s, session.ends_s):
                over = session.ends_s <= until_s
                self.tally.counted["lost"] += not over
                return over
            yield self._env.timeout(0.5)
        self.tally.backs_s.append(self._env.now - broken_s + self._dice.uniform(*self._plan.fronts.making_s))
        return True

    def _move(self, session: Session, until_s: float) -> Process:
        """Find a pause in the talk, then a place elsewhere; the old one is kept until then."""
        yield self._env.timeout(min(self._dice.uniform(0, self._plan.stages.pause_s), session.ends_s - self._env.now))
        while self._env.now < session.ends_s:
            if (yield from self._ask(session)):
                session.move_by_s = None
                self.tally.counted["moved"] += 1
                return True
            if self._env.now >= until_s:
                self.tally.counted["unmoved"] += 1
                return False
            yield self._env.timeout(min(MOVE_AGAIN_S, max(0.0, session.ends_s - self._env.now)))
        return True

    # who places

    def _ask(self, session: Session) -> Process:
        """Ask a front for a place; returns whether there was one."""
        fronts = self._plan.fronts
        front = self._cluster.front(self._dice)
        until_s = self._env.now + fronts.patience_s
        for _ in range(fronts.tries):
            if front is None or not front.alive or front.queued >= fronts.queued:
                return False
            front.queued += 1
            try:
                answer = yield from self._route(session, front, until_s)
            finally:
                front.queued -= 1
            if answer is Answer.MADE:
                return True
            if answer is Answer.SERVE_FULL:
                return False  # nobody had room in all that time
            if self._env.now + fronts.again_s > until_s:
                return False
            yield self._env.timeout(fronts.again_s)
        return False

    def _route(self, session: Session, front: Front, until_s: float) -> Process:
        """Look for a stage as Serve's router does, and call it."""
        cluster, limit, attempt = self._cluster, self._plan.stages.most_ongoing, 0
        while True:
            cache = front.cache
            stage = choose(cluster.routed, cache, limit, self._env.now, self._dice) if cluster.routed else None
            if stage is not None:
                cache.note_sent(stage, self._env.now)
                yield self._env.timeout(self._dice.uniform(*self._plan.fronts.call_s))
                if not front.alive or cache is not front.cache:
                    return Answer.DEAD
                answer = self._taken(session, stage, front)
                if answer is not Answer.SERVE_FULL:
                    return answer
            pause_s = wait_s(attempt)
            if self._env.now + pause_s > until_s:
                return Answer.SERVE_FULL
            yield self._env.timeout(pause_s)
            attempt += 1

    def _taken(self, session: Session, stage: Stage, front: Front) -> Answer:
        """Call a stage; one that takes a session which lives elsewhere ends it there."""
        old, lease = session.stage, session.cache
        answer = stage.take(session, front.cache, self._env.now)
        if answer is Answer.MADE and old is not None:
            new = session.stage, session.cache
            session.stage, session.cache = old, lease
            old.leave(session, self._env.now)
            session.stage, session.cache = new
        return answer

    # what happens to stages

    def _keep(self) -> Process:
        """Count, start and stop, as Serve's controller does."""
        cluster = self._cluster
        while True:
            cluster.let_go()
            up = sum(stage.alive for stage in cluster.routed)
            cluster.wanted = self._scaler.want(self._env.now, cluster.requests, cluster.wanted, up)
            missing = cluster.wanted - cluster.starting - up
            for _ in range(missing):
                cluster.starting += 1
                self._env.process(self._start())
            for _ in range(-missing):
                if cluster.starting:
                    cluster.starting -= 1  # the one that would be ready next is given up
                elif len(cluster.routed) > 1:
                    self._drain(cluster.drain_newest())
            self._note(cluster.look(self._env.now))
            yield self._env.timeout(LOOK_S)

    def _start(self) -> Process:
        stages = self._plan.stages
        yield self._env.timeout(stages.machine_s + self._dice.uniform(*stages.start_s))
        if self._cluster.starting:
            self._cluster.starting -= 1
            self._doom(self._cluster.add())

    def _drain(self, stage: Stage) -> None:
        for session in stage.sessions:
            session.move_by_s = self._env.now + self._plan.stages.move_s
            self._lives[session].interrupt()

    def _doom(self, stage: Stage) -> None:
        if self._plan.faults.stage_mean_s:
            self._env.process(self._stage_fate(stage))

    def _stage_fate(self, stage: Stage) -> Process:
        yield self._env.timeout(self._dice.expovariate(1 / self._plan.faults.stage_mean_s))
        if stage not in list(self._cluster.stages()):
            return
        for session in self._cluster.kill(stage, self._env.now):
            self.tally.counted["broken"] += 1
            self._lives[session].interrupt()
        yield self._env.timeout(self._plan.faults.notice_s)
        self._cluster.notice(stage)

    def _front_fate(self, front: Front) -> Process:
        faults = self._plan.faults
        while True:
            yield self._env.timeout(self._dice.expovariate(1 / faults.front_mean_s))
            self._cluster.lose_front(front)
            self.tally.counted["fronts_lost"] += 1
            yield self._env.timeout(faults.front_back_s)
            front.alive = True

    def _note(self, look: Look) -> None:
        self.tally.looks.append(look)
        if self._watch is not None:
            self._watch(self._cluster)

    def _count(self, what: str, arrival: Arrival) -> None:
        if arrival.at_s >= self._plan.settle_s:
            self.tally.counted[what] += 1
