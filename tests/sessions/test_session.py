"""A session by itself: what it says, and writes down, when its face cannot be drawn."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

import numpy as np
import pytest

from app.api.messages import ProtocolError, Start
from app.avatars.avatar import Avatar
from app.inference.engine import Job, Prepared
from app.inference.features.window import MelSpan, Window
from app.inference.scheduler.worker import InferenceWorker
from app.media import I420, PACKETS_PER_FRAME
from app.rtc.picture_encoder import Effort
from app.rtc.playout_feed import SPARE_SLOTS
from app.sessions.session import Session, SessionLimits
from app.sessions.timings import Timings
from tests.fakes import STILL, Face, FakeClock, HandPool, InlinePool, frame


class BrokenLife:
    """Cannot be drawn."""

    def emphasis(self, window: Window) -> float:
        return 0.0

    def at_rest(self, position: int, emphasis: float) -> I420:
        raise ValueError("broken")


class Still:
    """An engine that is never asked."""

    name = "still"
    span: MelSpan | None = None
    max_batch = 1

    def prepare(self, avatar: Avatar) -> Prepared:
        return Face(None)

    def render(self, jobs: Sequence[Job]) -> list[I420]:
        return [STILL for _ in jobs]


def session(face: Face, pool: Executor, errors: list[ProtocolError], lead_packets: int = 2) -> Session:
    avatar = Avatar("p", "p", STILL, np.zeros((468, 2), np.float32))
    clock, limits = FakeClock(), SessionLimits(20, 10, lead_packets, 2_500_000, Effort.USUAL, ())
    return Session(
        "5e55", Start(type="start"), Still(), avatar, face, InferenceWorker(clock), pool, InlinePool(), limits, clock,
        lambda event: None, errors.append, Timings(), lambda late_ns: None,
    )  # fmt: skip


async def test_a_face_that_cannot_be_drawn_at_rest_ends_the_session_and_the_log_says_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    errors: list[ProtocolError] = []
    with ThreadPoolExecutor(1) as pool:
        broken = session(Face(BrokenLife()), pool, errors)
        broken.idle.picture(0)
        pool.submit(int).result()
        while not errors:
            await asyncio.sleep(0)
        await broken.aclose()
    assert [error.code for error in errors] == ["engine_failed"]
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "5e55" in record.getMessage() and record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)


async def test_every_slot_that_the_longest_lead_lets_wait_may_have_its_own_picture() -> None:
    longest_lead = 50
    slots = longest_lead // PACKETS_PER_FRAME + SPARE_SLOTS
    waiting = session(Face(BrokenLife()), HandPool(), [], longest_lead)
    for position in range(slots):
        waiting.idle.picture(position)
    assert waiting.stats()["rest_repeats"] == 0
    waiting.idle.picture(slots)
    assert waiting.stats()["rest_repeats"] == 1
    await waiting.aclose()


async def test_an_interrupt_puts_the_mouth_at_rest_without_easing() -> None:
    with ThreadPoolExecutor(1) as pool:
        speaking = session(Face(None), pool, [])
        speaking.pacer.start()
        for number in range(4):
            speaking.buffer.put(frame(number + 100))
        for _ in range(4):
            speaking.pacer.step()
        assert speaking.feed.pictures.items[-1].generation is not None
        speaking.interrupt()
        speaking.pacer.step()
        assert all(slot.image is STILL for slot in speaking.feed.pictures.items)
        assert speaking.stats()["rest_late"] == speaking.stats()["rest_repeats"] == 0
        await speaking.aclose()
