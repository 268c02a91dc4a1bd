"""What the inference thread draws next. Pure functions of streams, under their lock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from app.inference.scheduler.cost import LATELY_NS, EngineCost
from app.inference.scheduler.demand import Demand
from app.inference.scheduler.stream import GenerationStream, ScheduledWindow
from app.media import SLOT_NS

BATCH_NS = SLOT_NS // 2  # that a batch may take: a window that comes just after its start waits that long


def take_batch(streams: Sequence[GenerationStream], cost: EngineCost, now_ns: int) -> list[ScheduledWindow]:
    """Take the most urgent windows of one engine: as many as it draws at once, and as ``BATCH_NS`` allows."""
    demands = [(stream, stream.sink.demand) for stream in streams]
    round_ns = _round_ns(demands, cost, now_ns)
    due: list[tuple[float, GenerationStream, Demand | None]] = []
    for stream, demand in demands:
        turn_ns, first_ns = stream.turn_ns(round_ns), demand.due_ns(now_ns) + stream.in_flight * SLOT_NS
        due += [(min(first_ns + n * SLOT_NS, turn_ns), stream, demand) for n in range(stream.free(demand))]
        if (again_ns := stream.again_due_ns(demand, now_ns)) is not None:
            due.append((again_ns, stream, None))
    due.sort(key=lambda each: each[0])
    batch: list[ScheduledWindow] = []
    spent_ns = 0
    for _, stream, wanted in due:
        if batch and (stream.engine is not batch[0].stream.engine or len(batch) == stream.engine.max_batch):
            continue
        key = stream.cost_key
        # where a stall was of late, a voice goes on in small steps; who else is drawn with it costs the usual
        further = stream.lossy and any(turn.stream is stream for turn in batch)
        spent_ns += cost.worst_ns(key) if further else cost.wall_ns(key)
        if batch and spent_ns > BATCH_NS:
            break
        lasting_ns = cost.lasting_ns(key)
        batch.append(stream.take_again() if wanted is None else stream.take(wanted, now_ns, lasting_ns, round_ns))
    return batch


def _round_ns(demands: Sequence[tuple[GenerationStream, Demand]], cost: EngineCost, now_ns: int) -> int:
    """Return what a slot's pictures take of all who are drawn; those that can be drawn together count once."""
    drawn = [
        stream
        for stream, demand in demands
        if (stream.pending and demand.has_room) or now_ns - stream.taken_ns < LATELY_NS
    ]
    peers = Counter(stream.engine.name for stream in drawn)
    shares = (min(stream.engine.max_batch, peers[stream.engine.name]) for stream in drawn)
    return sum(cost.lasting_ns(stream.cost_key) // share for stream, share in zip(drawn, shares, strict=True))
