"""What is wrong with a result of the self-test page: robust figures, with the doubt that is in them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from tests.noise import DOUBT, Faults, Noise

MEDIAN_MS = 35  # nobody notices less
SLOPE_MS_PER_MIN = 6
RULED_OUT_MS_PER_MIN = 18  # such a drift must lie outside of the interval
BLOCK_S = 3  # what happens to one pair happens to its neighbours: only blocks of them are independent
SETTLED_S = 3


@dataclass(frozen=True, slots=True)
class Slope:
    """A slope with its 95% confidence interval, ms a minute."""

    value: float
    low: float
    high: float


def theil_sen(at_s: np.ndarray, offset_ms: np.ndarray) -> Slope:
    """Return the median of the slopes of all pairs of points, and Sen's interval around it (P. K. Sen, 1968)."""
    slopes = np.sort([
        60 * (offset_ms[j] - offset_ms[i]) / (at_s[j] - at_s[i]) for i, j in combinations(range(len(at_s)), 2)
    ])  # fmt: skip
    n = len(at_s)
    spread = 1.96 * np.sqrt(n * (n - 1) * (2 * n + 5) / 18)  # of Kendall's statistic
    low, high = (len(slopes) - spread) / 2, (len(slopes) + spread) / 2
    last = len(slopes) - 1
    return Slope(
        float(np.median(slopes)), float(slopes[max(0, int(low))]), float(slopes[min(last, int(np.ceil(high)))])
    )


def settled(result: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs' times (s) and offsets (ms) from when the browser has settled."""
    pairs = [(pair["atS"], pair["offsetMs"]) for pair in result["pairs_all"] if pair["atS"] > SETTLED_S]
    at_s, offset_ms = np.array(pairs, float).reshape(-1, 2).T
    return at_s, offset_ms


def slope_of(result: dict[str, Any]) -> Slope:
    """Return the drift, of the medians of blocks."""
    at_s, offset_ms = settled(result)
    blocks = (at_s // BLOCK_S).astype(int)
    each = [blocks == block for block in np.unique(blocks)]
    return theil_sen(
        np.array([at_s[block].mean() for block in each]), np.array([np.median(offset_ms[block]) for block in each])
    )


def faults_of(result: dict[str, Any], noise: Noise, drift: bool) -> Faults:
    """Return what is wrong with a result; ``drift``: it is long enough to judge the slope by.

    What a busy machine does by itself, holes and delay, has wider bars on one; that lips and voice meet has not.
    """
    at_s, offset_ms = settled(result)
    least_pairs, most_concealed, longest_ms = (0.5, 10, 900) if noise.is_loud else (0.8, 2, 350)
    if len(at_s) < least_pairs * (result["seconds"] - 6):
        return {"pairs": f"only {len(at_s)} flashes met a beep in {result['seconds']} s"}
    found = {}
    median_ms = float(np.median(offset_ms))
    if abs(median_ms) > MEDIAN_MS:
        found["offset"] = f"lips and voice are {median_ms:.0f} ms apart"
    if drift:
        slope = slope_of(result)
        shown = f"{slope.value:.1f} ms a minute ({slope.low:.1f} to {slope.high:.1f})"
        # a browser leaves some 30 ms alone and wanders within them; a drift goes the same way every time
        if slope.low > SLOPE_MS_PER_MIN:
            found["drift ahead"] = f"they drift by {shown}"
        elif slope.high < -SLOPE_MS_PER_MIN:
            found["drift behind"] = f"they drift by {shown}"
        elif max(slope.high, -slope.low) >= RULED_OUT_MS_PER_MIN:
            found[DOUBT] = f"whether they drift cannot be told: {shown}"
    sound = result["sound"]
    if sound["packets_discarded"]:
        found["discarded"] = f"{sound['packets_discarded']} packets of the voice came too late to be played"
    if sound["concealed_percent"] >= most_concealed:
        found["concealed"] = f"{sound['concealed_percent']}% of the voice was made up"
    if result["mode"] == "live" and result["delay_ms"]["p50"] >= longest_ms:
        found["delay"] = f"the voice is {result['delay_ms']['p50']} ms late"
    return found
