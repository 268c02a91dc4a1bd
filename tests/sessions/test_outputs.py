"""Outputs by themselves: pushes that do as they are told, on a clock moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from app.clock import Epoch
from app.errors import Refusal
from app.media import NS_PER_S
from app.rtc.broadcast import PictureBroadcast, VoiceBroadcast
from app.rtc.ice_network import IceNetwork
from app.rtc.picture_encoder import Effort
from app.rtc.playout_feed import PlayoutFeed
from app.rtc.push import PushFailed
from app.rtc.senders import Media
from app.sessions.output_target import OutputRequest
from app.sessions.outputs import MOST_OUTPUTS, REFUSALS, Outputs
from tests.fakes import InlinePool, SteppedClock

LOST = PushFailed("connection_lost", "It was lost.")
REFUSED = PushFailed("refused", "No.", refused=True)
REQUEST = OutputRequest("rtmp", "rtmp://host/live/secret")


class ToldPush:
    """Ends as ``ends`` says, or goes on; the first of them is the next try's. ``lives_s``: for so long it is live."""

    def __init__(self, clock: SteppedClock) -> None:
        self.ends: Sequence[tuple[float, Exception]] = ()
        self.tries: list[float] = []
        self.left = 0
        self._clock, self._begun_ns = clock, clock.now_ns()

    async def run(self, on_live: Callable[[], None]) -> None:
        self.tries.append((self._clock.now_ns() - self._begun_ns) / NS_PER_S)
        lives_s, end = self.ends[0] if self.ends else (float("inf"), LOST)
        self.ends = self.ends[1:]
        try:
            if lives_s:
                on_live()
            if lives_s == float("inf"):
                await asyncio.Event().wait()
            await self._clock.sleep_until(self._clock.now_ns() + int(lives_s * NS_PER_S))
        finally:
            self.left += 1
        raise end


class Stage:
    """A session's outputs, all of which push alike."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.lives = SteppedClock(), 0
        self.push = ToldPush(self.clock)
        feed = PlayoutFeed(2)
        pictures = PictureBroadcast(feed, self.clock, InlinePool(), 0, 1_000_000, Effort.USUAL)
        media = Media(VoiceBroadcast(feed, self.clock), pictures, Epoch())
        self.outputs = Outputs(media, (640, 480), IceNetwork(), self.clock, self._live, chance=lambda: 0.5)
        monkeypatch.setattr("app.sessions.outputs.RtmpPush", lambda *about: self.push)

    def _live(self) -> None:
        self.lives += 1

    async def pass_s(self, seconds: float) -> None:
        await self.clock.advance(int(seconds * NS_PER_S))


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    made = Stage(monkeypatch)
    yield made
    await made.outputs.aclose()


async def test_an_output_says_how_it_is(stage: Stage) -> None:
    added = stage.outputs.add(REQUEST)
    assert (added.kind, added.url, added.state, added.attempts) == ("rtmp", "rtmp://host/live/***", "connecting", 0)
    await stage.pass_s(0)
    now = stage.outputs.find(added.id)
    assert (now.state, now.attempts, now.last_error) == ("live", 1, None)
    assert stage.lives == stage.outputs.live == 1
    assert now.since >= added.since and now.since.tzinfo is not None


async def test_a_lost_server_is_tried_for_ever_with_longer_waits(stage: Stage) -> None:
    stage.push.ends = [(0, LOST)] * 100
    id = stage.outputs.add(REQUEST).id
    await stage.pass_s(0)
    now = stage.outputs.find(id)
    assert now.state == "waiting" and now.last_error is not None and now.last_error.code == "connection_lost"
    await stage.pass_s(1000)
    assert stage.push.tries[:8] == [0, 1, 3, 7, 15, 31, 61, 91]
    assert stage.outputs.find(id).attempts == len(stage.push.tries) > 30


async def test_waits_are_short_again_once_it_was_live_for_a_while(stage: Stage) -> None:
    stage.push.ends = [(0, LOST)] * 4 + [(60, LOST), (0, LOST)]
    stage.outputs.add(REQUEST)
    await stage.pass_s(300)
    assert stage.push.tries == [0, 1, 3, 7, 15, 15 + 60 + 1, 15 + 60 + 1 + 2]
    assert stage.lives == 2


async def test_a_server_that_takes_and_drops_is_not_hammered(stage: Stage) -> None:
    stage.push.ends = [(0.001, LOST)] * 10
    stage.outputs.add(REQUEST)
    await stage.pass_s(60)
    assert len(stage.push.tries) == 6


async def test_a_server_that_keeps_refusing_is_believed(stage: Stage) -> None:
    stage.push.ends = [(0, REFUSED)] * 100
    id = stage.outputs.add(REQUEST).id
    await stage.pass_s(1000)
    now = stage.outputs.find(id)
    assert (now.state, now.attempts) == ("failed", REFUSALS)
    assert now.last_error is not None and (now.last_error.code, now.last_error.message) == ("refused", "No.")
    await stage.outputs.remove(id)
    assert stage.outputs.all() == []


async def test_refusals_between_other_ends_do_not_add_up(stage: Stage) -> None:
    stage.push.ends = [(0, REFUSED), (0, REFUSED), (0, REFUSED), (0, REFUSED), (0, LOST)] * 4
    id = stage.outputs.add(REQUEST).id
    await stage.pass_s(2000)
    assert stage.outputs.find(id).state == "live"


async def test_a_server_may_ask_for_a_longer_wait(stage: Stage) -> None:
    stage.push.ends = [(0, PushFailed("server_error", "503", retry_after_s=120))]
    stage.outputs.add(REQUEST)
    await stage.pass_s(119)
    assert stage.push.tries == [0]
    await stage.pass_s(1)
    assert stage.push.tries == [0, 120]


async def test_a_bug_of_ours_fails_one_output_alone(stage: Stage) -> None:
    stage.push.ends = [(0, ValueError("broken"))]
    broken, other = stage.outputs.add(REQUEST).id, stage.outputs.add(REQUEST).id
    await stage.pass_s(10)
    now = stage.outputs.find(broken)
    assert now.state == "failed" and now.last_error is not None and now.last_error.code == "internal_error"
    assert stage.outputs.find(other).state == "live"


async def test_there_are_four_at_most(stage: Stage) -> None:
    ids = [stage.outputs.add(REQUEST).id for _ in range(MOST_OUTPUTS)]
    assert [status.id for status in stage.outputs.all()] == ids
    with pytest.raises(Refusal) as refused:
        stage.outputs.add(REQUEST)
    assert refused.value.code == "too_many_outputs"
    await stage.pass_s(0)
    await stage.outputs.remove(ids[0])
    assert stage.push.left == 1, "the server was left in order"
    stage.outputs.add(REQUEST)


async def test_the_session_ends_them_all(stage: Stage) -> None:
    stage.outputs.add(REQUEST)
    stage.outputs.add(REQUEST)
    await stage.pass_s(0)
    await stage.outputs.aclose()
    await stage.outputs.aclose()
    assert [status.state for status in stage.outputs.all()] == ["stopped", "stopped"] and stage.push.left == 2
    with pytest.raises(Refusal) as refused:
        stage.outputs.add(REQUEST)
    assert refused.value.code == "session_over"


async def test_one_that_is_not_there_is_not_found(stage: Stage) -> None:
    with pytest.raises(Refusal) as refused:
        stage.outputs.find("x")
    assert refused.value.code == "no_such_output"
    with pytest.raises(Refusal):
        await stage.outputs.remove("x")
    with pytest.raises(Refusal) as refused:
        stage.outputs.add(OutputRequest("whip", "rtmp://host/live/key"))
    assert refused.value.code == "bad_output_url" and stage.outputs.all() == []
