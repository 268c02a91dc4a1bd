"""The voice as Opus and AAC: each sample where it belongs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from av import CodecContext, Packet

from app.media import AUDIO_TIME_BASE, SAMPLES_PER_PACKET, Samples
from app.rtc.subscription import Encoded
from app.rtc.voice_encoder import AAC_FRAME_SAMPLES, AAC_LC_48K_MONO, AacEncoder, OpusEncoder, make_voice_encoder

RATE = 48_000


def bursts(*starts: int, length: int) -> Samples:
    sound = np.zeros(length, np.int16)
    for start in starts:
        sound[start : start + 2000] = (20_000 * np.sin(np.arange(2000) / 5)).astype(np.int16)
    return sound


def coded(encoder: AacEncoder | OpusEncoder, sound: Samples, first: int = 0) -> list[Encoded]:
    packets = sound.reshape(-1, SAMPLES_PER_PACKET)
    return [each for n, packet in enumerate(packets) for each in encoder.encode(packet, first + n)]


def decoded(packets: list[Encoded]) -> tuple[np.ndarray, np.ndarray]:
    """Return samples, and each one's pts."""
    decoder = CodecContext.create("aac", "r")
    decoder.extradata, decoder.sample_rate, decoder.layout = AAC_LC_48K_MONO, RATE, "mono"
    samples, times = [], []
    for each in packets:
        packet = Packet(each.data)
        packet.pts, packet.time_base = each.pts, AUDIO_TIME_BASE
        for frame in decoder.decode(packet):
            samples.append(frame.to_ndarray().reshape(-1))
            times.append(each.pts + np.arange(frame.samples))
    return np.concatenate(samples), np.concatenate(times)


def onsets(samples: np.ndarray, times: np.ndarray) -> list[int]:
    loud = np.flatnonzero(np.abs(samples) > 0.2)
    return [int(times[i]) for k, i in enumerate(loud) if k == 0 or times[i] - times[loud[k - 1]] > 3000]


@pytest.mark.parametrize("first", [0, 1, 7, 180_000])
def test_aac_gives_each_sample_back_at_its_own_time(first: int) -> None:
    begins = first * SAMPLES_PER_PACKET
    packets = coded(AacEncoder(), bursts(10_000, 50_000, 90_001, length=RATE * 2), first)
    found = onsets(*decoded(packets))
    assert np.abs(np.array(found) - begins - (10_000, 50_000, 90_001)).max() <= 8
    assert {b.pts - a.pts for a, b in pairwise(packets)} == {AAC_FRAME_SAMPLES}
    assert packets[0].pts == begins - AAC_FRAME_SAMPLES


def test_what_aac_holds_back_is_less_than_a_frame() -> None:
    encoder = AacEncoder()
    for number in range(200):
        encoder.encode(np.zeros(SAMPLES_PER_PACKET, np.int16), number)
        assert len(encoder._waiting) < AAC_FRAME_SAMPLES


def test_after_missing_packets_aac_goes_on_at_the_right_place() -> None:
    encoder = AacEncoder()
    before = coded(encoder, bursts(10_000, length=SAMPLES_PER_PACKET * 50))
    after = coded(encoder, bursts(10_000, length=SAMPLES_PER_PACKET * 50), 53)
    pts = [each.pts for each in before + after]
    assert pts == sorted(set(pts))
    found = onsets(*decoded(before + after))
    assert np.abs(np.array(found) - (10_000, 53 * SAMPLES_PER_PACKET + 10_000)).max() <= 8


def test_the_configuration_is_what_the_encoder_says_of_itself() -> None:
    encoder = AacEncoder()
    coded(encoder, bursts(length=SAMPLES_PER_PACKET * 3))
    assert bytes(encoder._codec.extradata)[:2] == AAC_LC_48K_MONO


def test_opus_is_one_packet_for_every_20_ms() -> None:
    packets = coded(OpusEncoder(), bursts(100, length=SAMPLES_PER_PACKET * 5), 10)
    assert [each.pts for each in packets] == [(10 + n) * SAMPLES_PER_PACKET for n in range(5)]


def test_each_codec_has_its_encoder() -> None:
    assert isinstance(make_voice_encoder("opus"), OpusEncoder) and isinstance(make_voice_encoder("aac"), AacEncoder)
