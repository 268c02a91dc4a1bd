"""A store that nodes share: what its tasks know of it."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.clock import MonotonicClock
from app.config import Settings
from app.objects.faults import StoreAway
from app.provenance.origin import Origin
from app.sessions.shared import Shared
from app.sessions.stores import Stores


async def test_what_was_asked_before_the_store_went_does_not_say_that_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    settings = Settings(data_dir=tmp_path / "data", store=f"file://{tmp_path / 'store'}")
    shared = Shared(Stores.of(settings, Origin.of(settings)), 7, MonotonicClock(), lambda id: None, settings.data_dir)
    goes, comes, goes_late = (threading.Event() for _ in range(3))

    def refused(when: threading.Event) -> None:
        when.wait()
        raise StoreAway("it is away")

    with ThreadPoolExecutor(4) as pool, ExitStack() as opened:
        for gate in (goes, comes, goes_late):
            opened.callback(gate.set)  # a thread that waited on would keep a test that fails from ending
        good = asyncio.create_task(shared._asked(pool, comes.wait))
        bad, also_bad = (asyncio.create_task(shared._asked(pool, refused, when)) for when in (goes, goes_late))
        await asyncio.sleep(0)
        goes.set()
        await bad
        comes.set()
        await good
        assert shared.is_away, "what was on its way by then was asked before"
        await shared._asked(pool, lambda: None)
        assert not shared.is_away
        goes_late.set()
        await also_bad
        assert not shared.is_away, "nor does what was asked before say that it is away again"
    assert [record.getMessage().split(",")[0] for record in caplog.records if "store" in record.getMessage()] == [
        "store: it cannot be used",
        "store: it can be used again",
    ]
