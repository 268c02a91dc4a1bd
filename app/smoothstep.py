"""The curve by which things set in and die away."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", float, NDArray[np.floating[Any]])


def smoothstep(t: Number) -> Number:
    """Rise from 0 at 0 to 1 at 1, level at both ends: t²(3 − 2t) of a number or an array, which lie within 0…1."""
    eased: Number = t * t * (3 - 2 * t)
    return eased
