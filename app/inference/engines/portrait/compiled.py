"""Compiled loops over pixels, for what NumPy would do in many passes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from numba import njit

P = ParamSpec("P")
R = TypeVar("R")
Real = Any  # float32, in compiled code

# a product and a sum may be one instruction, and a division a reciprocal: no number here is that fine
FAST = {"contract", "nsz", "arcp"}
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "forceinline": True, "fastmath": FAST}


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function at its first call, which takes seconds, and keep the result on disk.

    The result lies in ``NUMBA_CACHE_DIR`` where that is set, else beside the module, else in the user's cache. Where
    nothing can be written, each process compiles anew. A compiled function lets other threads run.
    """
    try:
        made: Any = njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # nothing can be written
        return cast(Callable[P, R], njit(**OPTIONS)(function))
    # Numba compares the function's own file alone, but code of other modules is compiled into it
    made._cache._cache_file._source_stamp = _stamp()
    return cast(Callable[P, R], made)


@cache
def _stamp() -> tuple[tuple[str, int, int], ...]:
    """Return a value that changes with any module of this folder."""
    found = [(file.name, file.stat()) for file in sorted(Path(__file__).parent.glob("*.py"))]
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in found)
