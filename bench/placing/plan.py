"""What a simulation is of, as one frozen value; times are seconds, and what was measured is said where it stands."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.sessions.admission import Machine, SessionLoad, load

DAY_S = 86_400.0


def places_of(cores: float, session: SessionLoad) -> int:
    """Return how many sessions a stage lets in: as admission does, 60% of the cores and 55% of the one thread."""
    machine = Machine(cores, 0.0, strained=False)
    places = 1  # alone, a session may take what it takes
    while load(machine, [session] * (places + 1)) <= 1:
        places += 1
    return places


@dataclass(frozen=True, slots=True)
class Visitors:
    """Who comes: Poisson at ``rate`` a second, by the day's curve, and a crowd at once.

    Lengths are log-normal (``sigma`` 1.5: most are short, one in a hundred lasts ten times the mean), or exponential
    where ``sigma`` is 0. Who is refused comes again after ``again_s``, for as long as ``patience_s``.
    """

    rate: float
    mean_s: float = 300.0
    sigma: float = 1.5
    swing: float = 0.0  # of the rate by the day: 0.8 is 1.8 times at its height, 0.2 at its least
    crowd: int = 0
    crowd_at_s: float = 0.0
    again_s: float = 5.0
    patience_s: float = 0.0

    @property
    def offered(self) -> float:
        """How many sessions there are on average, where none is refused and no crowd comes."""
        return self.rate * self.mean_s


@dataclass(frozen=True, slots=True)
class Stages:
    """How many there may be, and how Serve makes them more and fewer.

    ``limit`` is Serve's ``max_ongoing_requests``, ``places`` what a stage truly carries. The delays are the
    deployment's to choose; Serve's own defaults are 30 and 600 s. Starting takes 9 to 14 s (measured), and
    ``machine_s`` more where a machine is started for it (assumed).
    """

    places: int
    least: int
    most: int
    limit: int | None = None
    target: float = 0.75
    up_s: float = 5.0
    up_factor: float = 1.0  # Serve's ``upscaling_factor``: of what is missing, so much is started
    down_s: float = 120.0
    look_back_s: float = 10.0
    told_s: float = 10.0  # Serve's ``metrics_interval_s``: fronts tell the controller how many there are so often
    start_s: tuple[float, float] = (9.0, 14.0)
    machine_s: float = 0.0
    move_s: float = 300.0
    pause_s: float = 10.0  # within which a session that is told to move finds a pause in its talk (assumed)

    @property
    def most_ongoing(self) -> int:
        """Serve's limit."""
        return self.places if self.limit is None else self.limit


@dataclass(frozen=True, slots=True)
class Fronts:
    """Who places: Serve's router in each front. Its own numbers are Ray 2.60's defaults, the others are ours."""

    count: int = 2
    tries: int = 3
    again_s: float = 0.1  # between its tries
    patience_s: float = 2.0
    queued: int = 8  # at one front, waiting for a place; the next is refused at once
    cache_s: float = 10.0
    call_s: tuple[float, float] = (0.002, 0.006)
    making_s: tuple[float, float] = (0.026, 0.207)  # placing in all, measured; the place is taken meanwhile
    leaving_s: tuple[float, float] = (0.0, 0.0)  # from the end until the place is free


@dataclass(frozen=True, slots=True)
class Faults:
    """What dies, each at random with this mean time between; 0 is never. Times to notice and return are measured."""

    stage_mean_s: float = 0.0
    front_mean_s: float = 0.0
    notice_s: float = 0.4  # until clients and routers know of a stage's death
    front_back_s: float = 4.0
    revival_s: float = 10.0  # for which a client tries to come back


@dataclass(frozen=True, slots=True)
class Plan:
    """All of it."""

    visitors: Visitors
    stages: Stages
    fronts: Fronts = field(default_factory=Fronts)
    faults: Faults = field(default_factory=Faults)
    seconds: float = DAY_S
    settle_s: float = 0.0  # what arrives before is not counted
