"""What a bench says: a tone of 3 s, a pause of 1 s, and so on, of which every sample is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.media import SAMPLE_RATE, SAMPLES_PER_PACKET, Samples

# no whole number of periods in a packet, a slot or a few of them: what is skipped or repeated shows in the phase
TONE_HZ = 221.7
TONE_SAMPLES = 3 * SAMPLE_RATE
PAUSE_SAMPLES = SAMPLE_RATE
CYCLE_SAMPLES = TONE_SAMPLES + PAUSE_SAMPLES
RAMP_SAMPLES = SAMPLE_RATE // 200  # 5 ms: a click would be heard as more than its onset
AMPLITUDE = 0.3
FULL_SCALE = 32_767
# the tone begins in the middle of a chunk and of a packet: whoever measures it 5 ms off still finds the right one
ONSET_IN_CHUNK = SAMPLES_PER_PACKET // 2


@dataclass(frozen=True, slots=True)
class Tone:
    """The tone, ``lead_in`` chunks of 20 ms after the first sample."""

    lead_in: int = 0

    def onset(self, number: int) -> int:
        """Return the first sample of tone ``number``."""
        return self.lead_in * SAMPLES_PER_PACKET + ONSET_IN_CHUNK + number * CYCLE_SAMPLES

    def samples(self, start: int, count: int) -> Samples:
        """Return int16 (count,) from sample ``start`` on."""
        at = np.arange(start, start + count) - self.onset(0)
        into = np.where(at >= 0, at % CYCLE_SAMPLES, CYCLE_SAMPLES)  # the first sample of a cycle is a tone's first
        left = TONE_SAMPLES - into
        ramp = np.clip(np.minimum(into, left) / RAMP_SAMPLES, 0, 1)
        level = AMPLITUDE * (0.5 - 0.5 * np.cos(np.pi * ramp))
        wave = level * np.sin(2 * np.pi * TONE_HZ * at / SAMPLE_RATE)
        return np.asarray(np.rint(wave * FULL_SCALE), np.int16)
