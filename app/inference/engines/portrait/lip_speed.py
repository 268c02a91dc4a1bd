"""No lip faster than lips are: what a mouth is asked for, held within reach of what it was asked for just before.

Lips close on a *p* at peak speeds of the order of 100 to 250 mm/s, and are near their peak when they touch (see A.
Löfqvist and V. Gracco, "Lip and jaw kinematics in bilabial stop consonant production", Journal of Speech, Language, and
Hearing Research 40, 1997).
"""

from __future__ import annotations

import numpy as np

from app.inference.engines.portrait.shape import CHANNELS, MouthChannels
from app.media import FloatArray

RECALLED = 2  # frames before this one that are looked at
SLOWEST = 1 / (RECALLED + 1)  # a channel that goes from 0 to 1 may not be held to less, or it would still jump

# The most that a channel changes in a frame of 40 ms. A mouth is some 50 mm wide and opens by 0.34 of that: the inner
# lips part by 5.7 mm a frame, 142 mm/s, and close by 6.5, 162 mm/s. In the fastest 40 ms of a movement of 100 lips go
# at nine tenths of their peak speed: it is what a peak of 160 to 180 mm/s looks like at 25 pictures a second.
_RISE = MouthChannels(
    opening=SLOWEST, jaw=SLOWEST, wide=0.4, rounding=SLOWEST, closed=0.5, tuck=0.5, teeth=0.4, tongue=0.5
)
_FALL = MouthChannels(
    opening=0.38, jaw=SLOWEST, wide=0.4, rounding=SLOWEST, closed=0.5, tuck=0.5, teeth=0.4, tongue=0.5
)


def _row(channels: MouthChannels) -> FloatArray:
    return np.array([getattr(channels, name) for name in CHANNELS], np.float32)


RISE, FALL = _row(_RISE), _row(_FALL)


def unhurried(asked: FloatArray) -> FloatArray:
    """Return float32 (8,), what is drawn of ``asked``: float32 (1 + ``RECALLED``, 8), this frame's and those before it.

    It is this frame's where that can be reached, at these speeds, from both of the frames before. Nothing is kept: as
    what can be reached spans the whole range in three frames, what is drawn in two frames that follow one another is
    never farther apart than one step.
    """
    now, before, earlier = asked
    lowest = np.maximum(before - FALL, earlier - 2 * FALL)
    highest = np.minimum(before + RISE, earlier + 2 * RISE)
    return np.asarray(np.minimum(np.maximum(now, lowest), highest), np.float32)
