"""What a session's record says, and whether it is good enough: records are made up, sample by sample."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.media import NS_PER_MS, NS_PER_S, PACKET_NS, SAMPLES_PER_PACKET, SLOT_NS
from bench.figures import SessionFigures, Span, figures_of
from bench.guest import Record, Wish
from bench.microphone import SentChunk
from bench.processor import ProcessTime
from bench.receiver import Picture, VoicePacket
from bench.timeline import STAMPS
from bench.tone import Tone
from bench.trial import Trial, Verdict
from tests.opus import payloads

SECONDS = 14
BEGUN_NS = 1000 * NS_PER_S
DELAY_NS = 180 * NS_PER_MS  # from a chunk that is whole to the arrival of its packet
SPAN = Span(BEGUN_NS + 3 * NS_PER_S, BEGUN_NS + 13 * NS_PER_S)
TONE = Tone(lead_in=25)
FIRST_STAMP = STAMPS - 200_000  # it wraps around
IN_TONE = (TONE.onset(1) // SAMPLES_PER_PACKET) + 40


@pytest.fixture(scope="module")
def opus() -> list[bytes]:
    return list(payloads((TONE.samples(0, SECONDS * 48_000) / 32768).astype(np.float32)))


def whole_ns(number: int) -> int:
    return BEGUN_NS + (number + 1) * PACKET_NS


@pytest.fixture
def record(opus: list[bytes]) -> Record:
    """A session without a fault."""
    sent = [SentChunk(whole_ns(n), whole_ns(n), whole_ns(n) + NS_PER_MS) for n in range(len(opus))]
    voice = [
        VoicePacket(whole_ns(n) + DELAY_NS, (FIRST_STAMP + n * SAMPLES_PER_PACKET) % STAMPS, payload)
        for n, payload in enumerate(opus)
    ]
    pictures = [Picture(at, n * 3600, n == 0, at, 7500) for n in range(25 * SECONDS) for at in [BEGUN_NS + n * SLOT_NS]]
    return Record(Wish(tone=TONE), sent=sent, voice=voice, pictures=pictures)


def test_a_whole_session_is_good(record: Record) -> None:
    found = figures_of(record, SPAN)
    assert found.good
    assert (found.holes, found.jumps, found.lost_tones, found.tones) == (0, 0, 0, 3)
    assert found.delay_p50_ms == found.delay_p95_ms == 180
    assert found.fps == 25 and found.kbit_s == 1500 and found.late_packets == 0
    assert found.sender_late_p99_ms == 1


def test_two_dropped_packets_are_one_hole_and_no_good_session(record: Record) -> None:
    del record.voice[IN_TONE : IN_TONE + 2]
    found = figures_of(record, SPAN)
    assert found.holes == 1 and found.hole_ms[0] >= 38
    assert not found.good


def test_a_hole_before_the_span_does_not_count(record: Record) -> None:
    early = TONE.onset(0) // SAMPLES_PER_PACKET + 20
    del record.voice[early : early + 2]
    assert figures_of(record, SPAN).good


def test_a_hole_that_the_sender_made_is_excused(record: Record) -> None:
    del record.voice[IN_TONE]
    record.sent[IN_TONE] = replace(record.sent[IN_TONE], sent_ns=whole_ns(IN_TONE) + 30 * NS_PER_MS)
    found = figures_of(record, SPAN)
    assert (found.holes, found.excused) == (0, 1)


def test_jitter_that_was_planned_excuses_nothing(record: Record) -> None:
    del record.voice[IN_TONE]
    late_ns = whole_ns(IN_TONE) + 30 * NS_PER_MS
    record.sent[IN_TONE] = SentChunk(whole_ns(IN_TONE), late_ns, late_ns)
    assert figures_of(record, SPAN).holes == 1


def test_a_delay_over_350_ms_is_not_good(record: Record) -> None:
    for packet in record.voice:
        packet.arrived_ns += 200 * NS_PER_MS
    found = figures_of(record, SPAN)
    assert found.delay_p95_ms == 380 and not found.good


def test_a_missing_picture_in_fifty_is_not_good(record: Record) -> None:
    record.pictures = [picture for n, picture in enumerate(record.pictures) if n % 40]
    found = figures_of(record, SPAN)
    assert found.fps < 24.5 and not found.good


def test_a_tone_that_never_came_is_lost(record: Record) -> None:
    end = (TONE.onset(1) + 3 * 48_000) // SAMPLES_PER_PACKET + 2
    for packet in record.voice[TONE.onset(1) // SAMPLES_PER_PACKET - 2 : end]:
        packet.payload = record.voice[0].payload
    found = figures_of(record, SPAN)
    assert found.lost_tones == 1 and not found.good


def test_packets_that_come_long_after_their_time_are_counted(record: Record) -> None:
    for packet in record.voice[300:303]:
        packet.arrived_ns += 100 * NS_PER_MS
    assert figures_of(record, SPAN).late_packets == 3


def test_a_session_that_ended_or_never_spoke_is_not_good(record: Record) -> None:
    assert not figures_of(replace(record, error="peer_lost"), SPAN).good
    assert not figures_of(Record(Wish()), SPAN).good


def trial(*sessions: SessionFigures) -> Trial:
    return Trial(10.0, list(sessions), ProcessTime(4.0, {"event loop": 3.0, "other": 1.0}), 1.0, 6.0)


def test_the_refused_do_not_spoil_the_verdict_and_one_bad_session_does(record: Record) -> None:
    good = figures_of(record, SPAN)
    refused = figures_of(Record(Wish(), refused="server_busy", error="server_busy"), SPAN)
    assert trial(good, good, refused).verdict is Verdict.GOOD
    assert trial(good, replace(good, holes=1)).verdict is Verdict.BAD
    assert trial(refused).verdict is Verdict.BAD


def test_a_bench_without_time_of_its_own_says_so(record: Record) -> None:
    good = figures_of(record, SPAN)
    assert trial(good, replace(good, sender_late_p99_ms=40.0, holes=3)).verdict is Verdict.STARVED
    assert trial(good, replace(good, excused=1)).verdict is Verdict.STARVED
    assert trial(good, replace(good, lost_packets=1, holes=1)).verdict is Verdict.STARVED


def test_a_fault_while_others_use_the_machine_is_nobodys(record: Record) -> None:
    good = figures_of(record, SPAN)
    assert replace(trial(replace(good, holes=1)), machine_s=20.0).verdict is Verdict.STARVED
    assert replace(trial(good), machine_s=20.0).verdict is Verdict.GOOD


def test_a_row_tells_the_servers_cores_from_the_guests_and_everybody_elses(record: Record) -> None:
    good = figures_of(record, SPAN)
    row = trial(good, good).row()
    assert (row["cores"], row["per_session"], row["guests"], row["elsewhere"]) == (0.4, 0.2, 0.1, 0.1)
    assert trial(good, good).info()["cores_a_session"] == {"event loop": 0.15, "other": 0.05}
