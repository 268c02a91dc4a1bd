"""Compiled code: kept where it can be, and at work where it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from numba.core import caching

from app.inference.engines.portrait import compiled as module
from app.inference.engines.portrait.compiled import compiled
from tests.paths import ROOT


def doubled(value: int) -> int:
    return value + value


def test_where_nothing_can_be_written_it_compiles_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    assert compiled(doubled)(21) == 42


def test_what_was_compiled_is_out_of_date_when_any_module_beside_it_changes() -> None:
    stamp = module._stamp()
    assert {"glide.py", "lanes.py", "lookup.py", "runs.py", "paint.py"} <= {name for name, *_ in stamp}
    made = compiled(doubled)
    assert made._cache._cache_file._source_stamp == stamp  # type: ignore[attr-defined]


def test_a_second_process_loads_what_the_first_compiled(tmp_path: Path) -> None:
    """And it goes where it is told to, as from an installation that cannot be written to."""
    code = """
import numpy as np
from app.inference.engines.portrait.glide import glide
from app.inference.engines.portrait.fine import doubled
plane = np.arange(32 * 32, dtype=np.uint8).reshape(32, 32)
field, area = np.zeros((5, 2, 5), np.float32), np.array([[0, 0, 32, 32]])
glide(plane[None], doubled(plane)[None], 0, 0, field, 16, 2.0, area)
print(sum(glide.stats.cache_hits.values()), sum(glide.stats.cache_misses.values()))
"""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    seen = [
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=True).stdout
        for _ in range(2)
    ]
    assert [line.split() for line in seen] == [[b"0", b"1"], [b"1", b"0"]]
    assert any(tmp_path.rglob("*.nbi"))
