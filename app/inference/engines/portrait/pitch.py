"""Whether a voice rises to the end of a phrase, as one does that asks: its pitch, read from mel.

Mel's lowest bands lie 36 Hz apart, so the harmonics of a voice stand out as a comb. Its pitch is the way through the
columns along which a comb fits best, by dynamic programming.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from app.inference.engines.portrait.compiled import compiled
from app.inference.features.loudness import power_of, ramp
from app.inference.features.mel import COLUMNS_PER_SECOND, mel_band_centres_hz
from app.media import FloatArray

LOWEST_HZ, HIGHEST_HZ, PITCHES = 80.0, 400.0, 64
COMB_HZ = 1400.0  # up to which harmonics are looked for
TOOTH_HZ = 28.0
AROUND = 4  # bands to each side, whose mean is what a harmonic stands out from
STEADY = np.float32(3.0)  # what a step from one pitch to the next costs
LOUD_DB = 30.0  # below the loudest, from where a column begins to count
# columns before a phrase's end
LOOKED_AT = round(0.46 * COLUMNS_PER_SECOND)
LATE = round(0.13 * COLUMNS_PER_SECOND)  # the end's pitch,
EARLY = round(0.18 * COLUMNS_PER_SECOND)  # and that of what lies before this
VOICED = 0.4  # of the columns that are left out, as they fit worst
STAYS, RISES = 0.95, 1.12  # of the earlier pitch, at the end: other phrases fall to 0.75 to 0.9


def rise_of(mel: FloatArray, end: int) -> float:
    """Return how surely a voice asks, 0…1, whose phrase ends with column ``end`` of mel float32 (80, columns)."""
    first = end + 1 - LOOKED_AT
    if first < 0:
        return 0.0
    pitches, combs = _combs()
    levels = 10 * np.log10(power_of(mel[: combs.shape[1], first : end + 1]) + np.float32(1e-10))
    loudest = levels.max(axis=0)
    counts = np.minimum(np.maximum((loudest - loudest.max() + LOUD_DB) / LOUD_DB, 0), 1)
    fits = (combs @ levels) * counts
    way = _best_way(fits)
    fit = fits[way, np.arange(len(way))]
    voiced = np.flatnonzero(fit > _at_share(fit, VOICED))
    late, early = voiced[voiced >= LOOKED_AT - LATE], voiced[voiced < LOOKED_AT - EARLY]
    if len(late) < 3 or len(early) < 3:
        return 0.0
    return ramp(_at_share(pitches[way[late]], 0.5) / _at_share(pitches[way[early]], 0.5), STAYS, RISES)


def _at_share(values: FloatArray, share: float) -> float:
    """Return the value below which a share of them lie, as NumPy's quantile does, which takes many times as long."""
    place, ordered = share * (len(values) - 1), np.sort(values)
    low, high = float(ordered[int(place)]), float(ordered[min(int(place) + 1, len(values) - 1)])
    return low + (high - low) * (place - int(place))


@cache
def _combs() -> tuple[FloatArray, FloatArray]:
    """Return the pitches, float32 (PITCHES,), and a comb of each over the lowest bands, (PITCHES, bands).

    A comb takes from each band the mean of those around it.
    """
    pitches = np.geomspace(LOWEST_HZ, HIGHEST_HZ, PITCHES)
    centres = mel_band_centres_hz()
    centres = centres[: int(np.searchsorted(centres, COMB_HZ))]
    combs = np.zeros((PITCHES, len(centres)))
    for comb, pitch in zip(combs, pitches, strict=True):
        for k in range(1, int(COMB_HZ / pitch) + 1):
            for place, sign in ((k, 1), (k - 0.5, -1)):
                comb += sign * np.exp(-np.square((centres - place * pitch) / TOOTH_HZ)) / np.sqrt(k)
        comb -= comb.mean()
        comb /= np.linalg.norm(comb)
    bands = np.arange(len(centres))
    around = np.clip(bands[:, None] + np.arange(-AROUND, AROUND + 1), 0, len(centres) - 1)
    means = (around[:, :, None] == bands).mean(axis=1)
    combs -= combs @ means
    return pitches.astype(np.float32), combs.astype(np.float32)


@compiled
def _best_way(fits: FloatArray) -> FloatArray:
    """Return the row of each column, int64, along which the sum is greatest, for the steps that it takes."""
    rows, columns = fits.shape
    came = np.zeros((columns, rows), np.int64)
    best, sums = fits[:, 0].copy(), np.empty(rows, np.float32)
    for t in range(1, columns):
        for row in range(rows):
            most, found = best[row], row
            for step in range(-2, 3):
                at = row + step
                if 0 <= at < rows and best[at] - STEADY * np.float32(abs(step)) > most:
                    most, found = best[at] - STEADY * np.float32(abs(step)), at
            sums[row], came[t, row] = most + fits[row, t], found
        best[:] = sums
    way = np.empty(columns, np.int64)
    way[columns - 1] = np.argmax(best)
    for t in range(columns - 1, 0, -1):
        way[t - 1] = came[t, way[t]]
    return way  # type: ignore[return-value]
