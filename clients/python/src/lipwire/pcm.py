"""What the sound that is sent looks like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Encoding = Literal["pcm_s16le", "pcm_f32le"]

BYTES_PER_VALUE: dict[str, int] = {"pcm_s16le": 2, "pcm_f32le": 4}


@dataclass(frozen=True)
class PcmFormat:
    """``sample_rate``: 8000 to 96000 Hz. ``channels``: 1 or 2, interleaved."""

    sample_rate: int = 24_000
    channels: int = 1
    encoding: Encoding = "pcm_s16le"

    def __post_init__(self) -> None:
        if not 8_000 <= self.sample_rate <= 96_000:
            raise ValueError(f"sample_rate is 8000 to 96000 Hz, not {self.sample_rate}")
        if self.channels not in (1, 2):
            raise ValueError(f"channels is 1 or 2, not {self.channels}")
        if self.encoding not in BYTES_PER_VALUE:
            raise ValueError(f"encoding is pcm_s16le or pcm_f32le, not {self.encoding}")

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return BYTES_PER_VALUE[self.encoding] * self.channels

    def bytes_in(self, duration_ms: int) -> int:
        """How many bytes of whole samples play so long."""
        return duration_ms * self.sample_rate // 1000 * self.sample_bytes

    def duration_ms(self, count: int) -> int:
        """How long so many bytes play."""
        return count * 1000 // (self.sample_bytes * self.sample_rate)
