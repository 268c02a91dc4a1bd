from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.threads import name_thread

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="the kernel's names are Linux's")


def kernel_name() -> str:
    return Path(f"/proc/self/task/{threading.get_native_id()}/comm").read_text().strip()


def test_a_pool_names_its_threads_and_nobody_else() -> None:
    before = kernel_name()
    with ThreadPoolExecutor(1, "pool", name_thread, ("resting",)) as pool:
        assert pool.submit(kernel_name).result() == "resting"
    assert kernel_name() == before


def test_a_long_name_is_cut() -> None:
    with ThreadPoolExecutor(1, "pool", name_thread, ("a-name-that-is-too-long",)) as pool:
        assert pool.submit(kernel_name).result() == "a-name-that-is-"
