"""How loud sound is."""

from __future__ import annotations

import math

from app.media import FloatArray


def level_dbfs(samples: FloatArray) -> float:
    """Return the root mean square in dB relative to full scale; −120 at the least."""
    power = float(samples @ samples) / len(samples) if len(samples) else 0.0
    return 10 * math.log10(max(power, 1e-12))
