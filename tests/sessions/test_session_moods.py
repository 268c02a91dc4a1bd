"""Moods in a whole session: time moved by hand, the real inference thread, faces as bright as they feel."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest

from app.avatars.avatar import Avatar
from app.emphasis import CALM, Emphasis
from app.errors import Refusal
from app.i420 import plain
from app.inference.engine import IdleMotion, Job, Prepared
from app.inference.expression import NEUTRAL, Expression
from app.inference.fade import BLEND_SLOTS
from app.inference.features.window import MelSpan, Window
from app.inference.mood import Mood
from app.ingest.pcm import PcmFormat
from app.media import I420, VIDEO_FPS
from app.rtc.ice_network import IceNetwork
from app.rtc.picture_encoder import Effort
from app.sessions.countenance import SOON_SLOTS
from app.sessions.playout import Cast, Machinery, SessionLimits
from app.sessions.session import Session
from app.sessions.utterances import WAITING_HIGH
from tests.fakes import STILL, Face, InlinePool
from tests.sessions.test_session import RATE, Stage, Unwatched, tone

WARM, SERIOUS = Mood.of("warm"), Mood.of("serious")
BLACK, SPAN = 16, 200
SPEAKS = 1  # of the luma, so that pictures that speak can be told from those at rest


def luma(expression: Expression) -> int:
    return BLACK + 2 * round(SPAN * (expression.warm + expression.serious / 2) / 2)


class Feeling:
    """At rest as bright as it feels."""

    def emphasis(self, window: Window) -> Emphasis:
        return CALM

    def at_rest(self, position: int, emphasis: Emphasis, expression: Expression = NEUTRAL) -> I420:
        return plain(2, 2, luma(expression))


class FeelingEngine:
    """Speaking as bright as it feels, and a little more."""

    name = "feeling"
    span: MelSpan | None = None
    max_batch = 1

    def __init__(self) -> None:
        self.drawn = 0

    def prepare(self, avatar: Avatar) -> Prepared:
        return Face(None)

    def render(self, jobs: Sequence[Job]) -> list[I420]:
        self.drawn += len(jobs)
        return [plain(2, 2, luma(job.expression) + SPEAKS) for job in jobs]


class FeelingStage(Stage):
    def feel(self, motion: IdleMotion | None, mood: Mood = Mood("neutral")) -> tuple[Session, FeelingEngine]:  # noqa: B008
        avatar = Avatar("p", "p", STILL, np.zeros((468, 2), np.float32))
        limits = SessionLimits(20, 10, 2, 2_500_000, Effort.USUAL, IceNetwork(), mood=mood)
        machinery = Machinery(self.worker, InlinePool(), InlinePool(), self.clock)
        engine = FeelingEngine()
        session = Session("5e55", "agent", Cast(engine, avatar, Face(motion)), limits, machinery, Unwatched())
        self.sessions.append(session)
        session.media.pictures.subscribe("VP8")
        return session, engine

    @property
    def shown(self) -> list[int]:
        return [int(picture[0, 0]) for _, picture, _ in self.encoders[0].coded]


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FeelingStage]:
    opened = FeelingStage(monkeypatch)
    opened.worker.start()
    yield opened
    for session in opened.sessions:
        await session.aclose()
    await opened.worker.aclose()


def speaking(shown: list[int]) -> list[int]:
    return [value for value in shown if value % 2 == (BLACK + SPEAKS) % 2]


def brightness(mood: Mood) -> int:
    return luma(mood.expression)


async def test_a_mood_is_seen_within_half_a_second_while_much_is_drawn_ahead(stage: FeelingStage) -> None:
    session, engine = stage.feel(Feeling())
    session.start()
    await session.feeder(PcmFormat("pcm_s16le", 1, RATE)).push(tone(120))
    await stage.play(session, 30)
    assert session.stats().buffer_a >= 10
    count, drawn = len(stage.shown), engine.drawn
    session.feel(WARM)
    await stage.play(session, 40)
    then = [value - SPEAKS for value in stage.shown[count:]]
    assert len(speaking(stage.shown[count:])) == len(then), "it spoke all the time"
    waiting = 3  # slots in Buffer B
    assert then[SOON_SLOTS + waiting + BLEND_SLOTS] == brightness(WARM) > then[0] == BLACK
    assert max(np.diff(then)) < 0.2 * SPAN and then == sorted(then)
    assert engine.drawn - drawn < 40 + 30, "what waited was drawn once more"


async def test_a_face_without_life_is_drawn_no_second_time(stage: FeelingStage) -> None:
    session, engine = stage.feel(None)
    session.start()
    feeder = session.feeder(PcmFormat("pcm_s16le", 1, RATE))
    await feeder.push(tone(60))
    await feeder.flush()
    await stage.play(session, 10)
    session.feel(WARM)
    await stage.play(session, 60)
    assert engine.drawn == 60


async def test_at_rest_a_mood_is_seen_as_soon(stage: FeelingStage) -> None:
    session, _ = stage.feel(Feeling(), SERIOUS)
    session.start()
    await stage.play(session, 10)
    assert set(stage.shown) == {brightness(SERIOUS)}, "from the first picture on"
    session.feel(WARM)
    await stage.play(session, BLEND_SLOTS + 5)
    assert stage.shown[-1] == brightness(WARM) and session.mood == WARM


async def test_a_mood_with_words_is_seen_with_those_words_and_stays(stage: FeelingStage) -> None:
    session, _ = stage.feel(Feeling())
    session.start()
    feeder = session.feeder(PcmFormat("pcm_s16le", 1, RATE))
    await feeder.push(tone(40))
    await feeder.flush()
    feeder.feel(WARM)
    await feeder.push(tone(40))
    await feeder.flush()
    await stage.play(session, 120)
    spoken = speaking(stage.shown)
    assert spoken[:41] == [BLACK + SPEAKS] * 41, "the first slot of those words is the beginning of the blend"
    assert spoken[40 + BLEND_SLOTS] == brightness(WARM) + SPEAKS and len(spoken) >= 80
    assert stage.shown[-1] == brightness(WARM) and session.mood == WARM


async def test_an_interrupt_drops_a_mood_with_its_words(stage: FeelingStage) -> None:
    session, _ = stage.feel(Feeling())
    session.start()
    feeder = session.feeder(PcmFormat("pcm_s16le", 1, RATE))
    await feeder.push(tone(60))
    feeder.feel(WARM)
    await feeder.push(tone(60))
    await stage.play(session, 45)  # some of those words are drawn already
    session.interrupt()
    await stage.play(session, 40)
    assert set(stage.shown) <= {BLACK, BLACK + SPEAKS} and session.mood == Mood()
    await feeder.push(tone(20))
    await stage.play(session, 30)
    assert set(stage.shown) <= {BLACK, BLACK + SPEAKS}


async def test_it_stays_when_another_feeds_it(stage: FeelingStage) -> None:
    session, _ = stage.feel(Feeling())
    session.start()
    session.feeder(PcmFormat("pcm_s16le", 1, RATE)).leave()
    session.feel(WARM)
    session.feeder(PcmFormat("pcm_s16le", 1, RATE))
    await stage.play(session, VIDEO_FPS)
    assert session.mood == WARM and stage.shown[-1] == brightness(WARM)


async def test_moods_that_wait_for_their_words_are_bounded(stage: FeelingStage) -> None:
    session, _ = stage.feel(Feeling())
    session.start()
    feeder = session.feeder(PcmFormat("pcm_s16le", 1, RATE))
    for _ in range(WAITING_HIGH):
        feeder.feel(WARM)
    with pytest.raises(Refusal) as refused:
        feeder.feel(WARM)
    assert refused.value.code == "too_many_moods"
    session.interrupt()
    feeder.feel(WARM)
