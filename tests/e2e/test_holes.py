from __future__ import annotations

import numpy as np
import pytest
from aiortc.codecs.opus import OpusDecoder
from aiortc.jitterbuffer import JitterFrame
from av import AudioFrame

from app.media import SAMPLE_RATE, SAMPLES_PER_PACKET, FloatArray
from bench.holes import Fault, listen
from bench.tone import CYCLE_SAMPLES, TONE_HZ, Tone
from tests.opus import payloads

TONE = Tone(lead_in=10)
MS = SAMPLE_RATE // 1000
BEGIN, SECOND = TONE.onset(0), TONE.onset(1)
WHERE = BEGIN + 1234 * MS


def said(seconds: int = 12) -> FloatArray:
    return (TONE.samples(0, seconds * SAMPLE_RATE) / 32768).astype(np.float32)


def without(voice: FloatArray, start: int, count: int) -> FloatArray:
    voice = voice.copy()
    voice[start : start + count] = 0
    return voice


def shaped(voice: FloatArray, start: int, count: int, fade: int, level: float) -> FloatArray:
    """Lower a stretch to `level`, with fades inside it."""
    shape = np.interp(np.arange(count), [0, fade, count - fade, count], [1, level, level, 1])
    voice = voice.copy()
    voice[start : start + count] *= shape
    return voice


def coded(voice: FloatArray, bit_rate: int, application: str = "voip", missing: tuple[int, ...] = ()) -> FloatArray:
    """Send it through Opus; zero where a packet is missing."""
    decoder, heard = OpusDecoder(), np.zeros_like(voice)
    for number, payload in enumerate(payloads(voice, bit_rate, application)):
        if number not in missing:
            at = number * SAMPLES_PER_PACKET
            for decoded in decoder.decode(JitterFrame(payload, at)):
                assert isinstance(decoded, AudioFrame)
                mono = decoded.to_ndarray()[0, ::2]
                heard[at : at + len(mono)] = mono / 32768
    return heard


def assert_hole(fault: Fault, at: int, length_ms: float, tone: int = 0, tolerance_ms: float = 2.5) -> None:
    assert fault.kind == "hole" and fault.tone == tone, fault
    assert abs(fault.at - at) <= 10 * MS, fault  # Opus delays by 6.5, fades begin before a hole does
    assert fault.length_ms == pytest.approx(length_ms, abs=tolerance_ms), fault


def test_a_whole_voice_has_no_fault_and_its_onsets_are_found() -> None:
    heard = listen(said())
    assert heard.faults == []
    assert [abs(onset - TONE.onset(n)) < 5 * MS for n, onset in enumerate(heard.onsets)] == [True] * 3


def test_silence_has_neither_tones_nor_faults() -> None:
    assert listen(np.zeros(SAMPLE_RATE, np.float32)).onsets == []


@pytest.mark.parametrize("length_ms", [20, 28, 40, 200, 1500])
def test_a_zeroed_stretch_is_a_hole_of_its_length(length_ms: int) -> None:
    heard = listen(without(said(), WHERE, length_ms * MS))
    [hole] = heard.faults
    assert_hole(hole, WHERE, length_ms)
    assert abs(hole.into - 1234 * MS) < 5 * MS
    assert len(heard.onsets) == 3


def test_a_hole_with_fades_is_found() -> None:
    [hole] = listen(shaped(said(), WHERE, 40 * MS, 5 * MS, 0)).faults
    assert_hole(hole, WHERE, 37)  # from half the power to half the power


def test_silence_put_into_a_tone_is_a_hole() -> None:
    voice = said()
    heard = listen(np.concatenate([voice[:WHERE], np.zeros(40 * MS, np.float32), voice[WHERE:]]))
    [hole] = heard.faults
    assert_hole(hole, WHERE, 40)
    assert len(heard.onsets) == 3


def test_a_dip_of_6_db_is_none() -> None:
    assert listen(shaped(said(), WHERE, 100 * MS, 10 * MS, 0.5)).faults == []


@pytest.mark.parametrize("into_ms", [60, 2900])
def test_a_hole_close_to_a_tones_edge_is_not_taken_for_a_pause(into_ms: int) -> None:
    heard = listen(without(said(), SECOND + into_ms * MS, 28 * MS))
    [hole] = heard.faults
    assert_hole(hole, SECOND + into_ms * MS, 28, tone=1)
    assert len(heard.onsets) == 3


def test_each_of_many_holes_is_found() -> None:
    voice = said()
    places = [BEGIN + ms * MS for ms in (300, 700, 1100)] + [SECOND + ms * MS for ms in (500, 540, 2000)]
    for place in places:
        voice = without(voice, place, 20 * MS)
    assert [abs(hole.at - place) < 3 * MS for hole, place in zip(listen(voice).of("hole"), places, strict=True)]


def test_a_tone_that_stops_for_good_is_a_hole() -> None:
    [hole] = listen(without(said(), SECOND + SAMPLE_RATE, 10 * SAMPLE_RATE)).faults
    assert hole.kind == "hole" and hole.length_ms > 2000


def test_a_tone_that_the_record_cuts_is_none() -> None:
    assert listen(said()[: SECOND + SAMPLE_RATE]).faults == []


def test_a_shorter_pause_is_no_fault() -> None:
    end = BEGIN + 3 * SAMPLE_RATE + 20 * MS
    voice = said()
    heard = listen(np.concatenate([voice[:end], voice[end + 600 * MS :]]))
    assert heard.faults == [] and len(heard.onsets) == 3


def test_a_tone_that_lost_its_end_does_not_make_the_pause_a_hole() -> None:
    voice = said()
    heard = listen(np.concatenate([voice[:WHERE], voice[WHERE + SAMPLE_RATE :]]))  # a second of speech was dropped
    assert heard.of("hole") == [] and len(heard.onsets) == 3


@pytest.mark.parametrize("skipped_ms", [-40, -20, -2, 2, 10, 20, 40])
def test_skipped_and_repeated_samples_are_a_jump(skipped_ms: int) -> None:
    voice = said()
    heard = listen(np.concatenate([voice[:WHERE], voice[WHERE + skipped_ms * MS :]]))
    [jump] = heard.faults
    assert jump.kind == "jump" and abs(jump.at - WHERE) < 10 * MS
    assert len(heard.onsets) == 3


def test_a_click_is_a_jump() -> None:
    voice = said()
    voice[WHERE : WHERE + 10] += 0.5
    [jump] = listen(voice).faults
    assert jump.kind == "jump" and abs(jump.at - WHERE) < 10 * MS


@pytest.mark.parametrize("application", ["voip", "lowdelay"])
@pytest.mark.parametrize("bit_rate", [24_000, 48_000, 96_000])
def test_opus_alone_is_no_fault(bit_rate: int, application: str) -> None:
    heard = listen(coded(said(8), bit_rate, application))
    assert heard.faults == []
    assert all(0 <= onset - TONE.onset(n) < 20 * MS for n, onset in enumerate(heard.onsets))


@pytest.mark.parametrize("bit_rate", [24_000, 48_000, 96_000])
def test_faults_are_found_behind_opus(bit_rate: int) -> None:
    voice = without(said(), WHERE, 28 * MS)
    voice = shaped(voice, SECOND + SAMPLE_RATE, 50 * MS, 5 * MS, 0)
    voice = shaped(voice, SECOND + 2 * SAMPLE_RATE, 100 * MS, 10 * MS, 0.5)
    first, second = listen(coded(voice, bit_rate)).faults
    assert_hole(first, WHERE, 28, tolerance_ms=4)
    assert_hole(second, SECOND + SAMPLE_RATE, 46, tone=1, tolerance_ms=4)


@pytest.mark.parametrize("bit_rate", [24_000, 96_000])
def test_a_missing_packet_is_a_hole_and_in_a_pause_it_is_none(bit_rate: int) -> None:
    packet = WHERE // SAMPLES_PER_PACKET
    pause = (BEGIN + 3500 * MS) // SAMPLES_PER_PACKET
    [hole] = listen(coded(said(), bit_rate, missing=(packet, pause))).of("hole")
    assert_hole(hole, packet * SAMPLES_PER_PACKET, 35, tolerance_ms=20)  # the decoder finds its level again later


def test_the_tones_frequency_shows_whatever_is_skipped() -> None:
    """A step by whole slots or packets would be invisible if it were a whole number of periods."""
    for ms in (10, 20, 40, 80, 120, 160, 200):
        assert 0.06 < (ms / 1000 * TONE_HZ) % 1 < 0.94
    assert CYCLE_SAMPLES % SAMPLES_PER_PACKET == 0
