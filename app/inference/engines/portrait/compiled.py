"""Loops over pixels, compiled: what NumPy would need many passes for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from numba import njit

P = ParamSpec("P")
R = TypeVar("R")
Real = Any  # float32, in compiled code

# no number here is so fine that a product and a sum in one instruction, or a reciprocal, would matter
FAST = {"contract", "nsz", "arcp"}
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "forceinline": True, "fastmath": FAST}


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function at its first call, which takes seconds, and keep what came of it on disk.

    It lies beside the module or, where that cannot be written to, in the user's cache (or ``NUMBA_CACHE_DIR``); where
    nothing can, each process compiles anew. Other threads run while it runs.
    """
    try:
        made: Any = njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # there is no place to write to
        return cast(Callable[P, R], njit(**OPTIONS)(function))
    # Numba looks at the function's own file to know whether it is out of date, but others' code is compiled into it
    made._cache._cache_file._source_stamp = _stamp()
    return cast(Callable[P, R], made)


@cache
def _stamp() -> tuple[tuple[str, int, int], ...]:
    """Return what changes with any module of this folder."""
    found = [(file.name, file.stat()) for file in sorted(Path(__file__).parent.glob("*.py"))]
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in found)
