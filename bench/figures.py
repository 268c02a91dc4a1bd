"""What a session's record says: holes, jumps, delay, frame rate, and whether all that is good enough."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from app.media import NS_PER_MS, NS_PER_S, SAMPLES_PER_PACKET
from bench.guest import Record
from bench.holes import Fault, Heard, listen
from bench.microphone import SentChunk
from bench.receiver import VoicePacket
from bench.timeline import Timeline, samples_ahead, samples_ns
from bench.tone import CYCLE_SAMPLES, RAMP_SAMPLES

LATE_MS = 60.0  # a packet so far behind the steadiest ones misses what a browser usually waits
# an onset is found when half the tone's power is there: after Opus' own delay of 6.5 ms, and most of the ramp
FOUND_LATE = 312 + RAMP_SAMPLES * 6 // 10
EXCUSED_LATE_NS = 10 * NS_PER_MS  # a chunk that the bench itself sent so late excuses a hole
EXCUSED_CHUNKS = 5  # how far around a hole chunks are looked at: what a server may hold of them
MIN_FPS = 24.5
MAX_DELAY_P95_MS = 350.0
SERVER_COUNTS = ("underruns", "drops", "missed", "unsent", "repeats", "rest_repeats", "rest_late")


@dataclass(frozen=True, slots=True)
class Span:
    """The stretch of a run that counts, in monotonic ns."""

    begin_ns: int
    end_ns: int

    @property
    def seconds(self) -> float:
        """Return its length."""
        return (self.end_ns - self.begin_ns) / NS_PER_S

    def holds(self, at_ns: float) -> bool:
        """Whether a moment counts."""
        return self.begin_ns <= at_ns < self.end_ns


@dataclass(frozen=True, slots=True)
class SessionFigures:
    """One session's figures; see ``docs/bench-service.md`` for what each of them means."""

    refused: str | None
    error: str | None
    holes: int
    excused: int
    hole_ms: list[float]
    jumps: int
    tones: int
    lost_tones: int
    delay_p50_ms: float | None
    delay_p95_ms: float | None
    server_delay_ms: float | None
    fps: float
    kbit_s: int
    key_frames: int
    late_packets: int
    lost_packets: int
    sender_late_p99_ms: float
    server: dict[str, int]

    @property
    def good(self) -> bool:
        """Whether this session is one that a person would call good."""
        whole = self.error is None and self.holes == 0 and self.lost_tones == 0 and self.fps >= MIN_FPS
        return whole and self.delay_p95_ms is not None and self.delay_p95_ms < MAX_DELAY_P95_MS

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def figures_of(record: Record, span: Span) -> SessionFigures:
    """Judge what a session showed within ``span``."""
    timeline = Timeline(record.voice)
    heard = listen(timeline.samples)
    holes = [hole for hole in heard.of("hole") if span.holds(timeline.arrival_ns(hole.at))]
    excused = [hole for hole in holes if _is_excused(hole, heard, timeline, record)]
    jumps = [jump for jump in heard.of("jump") if span.holds(timeline.arrival_ns(jump.at))]
    delays = delays_ms(record, heard, timeline)
    within = {onset: ms for onset, ms in delays.items() if span.holds(_said_ns(record, onset))}
    expected = [n for n in range(_tones_sent(record)) if span.holds(_said_ns(record, n) + 2 * NS_PER_S)]
    late_ms = [(chunk.sent_ns - chunk.planned_ns) / NS_PER_MS for chunk in record.sent if span.holds(chunk.sent_ns)]
    seen = [picture for picture in record.pictures if span.holds(picture.arrived_ns)]
    return SessionFigures(
        refused=record.refused,
        error=record.error,
        holes=len(holes) - len(excused),
        excused=len(excused),
        hole_ms=[round(hole.length_ms, 1) for hole in holes],
        jumps=len(jumps),
        tones=len(within),
        lost_tones=sum(n not in delays for n in expected),
        delay_p50_ms=percentile(list(within.values()), 50),
        delay_p95_ms=percentile(list(within.values()), 95),
        server_delay_ms=percentile([message["delay_ms"] for _, message in _stats(record, span)], 50),
        fps=round(len(seen) / span.seconds, 2),
        kbit_s=round(8 * sum(picture.size for picture in seen) / span.seconds / 1000),
        key_frames=sum(picture.key_frame for picture in seen),
        late_packets=_late_packets(record.voice, span),
        lost_packets=record.lost_packets,
        sender_late_p99_ms=percentile(late_ms, 99) or 0.0,
        server=_server_counts(record, span),
    )


def delays_ms(record: Record, heard: Heard, timeline: Timeline) -> dict[int, float]:
    """Return each received tone's delay by its number.

    It is the arrival of the RTP packet that carries the tone's onset, minus the time at which the microphone had whole
    the chunk with the tone's first sample: when it was due to be handed to the socket, if there were no jitter.
    """
    found: dict[int, float] = {}
    for onset in heard.onsets:
        arrived_ns = timeline.arrival_ns(max(0, onset - FOUND_LATE))
        said = [n for n in range(_tones_sent(record)) if _said_ns(record, n) <= arrived_ns]
        if said and said[-1] not in found:  # the latest before it: a delay is shorter than a cycle
            found[said[-1]] = (arrived_ns - _said_ns(record, said[-1])) / NS_PER_MS
    return found


def percentile(values: Sequence[float | None], percent: float) -> float | None:
    """Return a percentile of those that are known."""
    known = [value for value in values if value is not None]
    return round(float(np.percentile(known, percent)), 1) if known else None


def _said_ns(record: Record, tone: int) -> int:
    """Return when the chunk with a tone's onset was whole."""
    return record.sent[record.wish.tone.onset(tone) // SAMPLES_PER_PACKET].whole_ns


def _tones_sent(record: Record) -> int:
    samples = len(record.sent) * SAMPLES_PER_PACKET
    return max(0, -(-(samples - record.wish.tone.onset(0)) // CYCLE_SAMPLES))


def _is_excused(hole: Fault, heard: Heard, timeline: Timeline, record: Record) -> bool:
    """Whether the bench itself sent late what is missing."""
    arrived_ns = timeline.arrival_ns(heard.onsets[hole.tone])
    said = [n for n in range(_tones_sent(record)) if _said_ns(record, n) <= arrived_ns]
    if not said:
        return False
    chunk = (record.wish.tone.onset(said[-1]) + hole.into) // SAMPLES_PER_PACKET
    return any(map(_sent_late, record.sent[max(0, chunk - EXCUSED_CHUNKS) : chunk + EXCUSED_CHUNKS + 1]))


def _sent_late(chunk: SentChunk) -> bool:
    return chunk.sent_ns - chunk.planned_ns > EXCUSED_LATE_NS


def _late_packets(packets: Sequence[VoicePacket], span: Span) -> int:
    """Count packets that came long after the steadiest ones would have."""
    within = [packet for packet in packets if span.holds(packet.arrived_ns)]
    if not within:
        return 0
    behind = [p.arrived_ns - samples_ns(samples_ahead(p.timestamp, within[0].timestamp)) for p in within]
    return sum(ns - statistics.median_low(behind) > LATE_MS * NS_PER_MS for ns in behind)


def _server_counts(record: Record, span: Span) -> dict[str, int]:
    """Return what the server counted in the span, from its ``stats``."""
    within = [message for _, message in _stats(record, span)]
    if not within:
        return {}
    counts = Counter({name: within[-1].get(name, 0) for name in SERVER_COUNTS})
    counts.subtract({name: within[0].get(name, 0) for name in SERVER_COUNTS})
    return {name: counts[name] for name in SERVER_COUNTS if counts[name]}


def _stats(record: Record, span: Span) -> list[tuple[int, dict[str, Any]]]:
    return [(at, message) for at, message in record.stats if span.holds(at)]
