"""Faces at rest: drawn away from the event loop, in step with the faces that speak, bounded, and over in the end."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from app.avatars.avatar import Avatar, VideoLoop
from app.clock import SlotClock
from app.emphasis import CALM, Emphasis
from app.faces.depth import DepthFinder
from app.faces.eyes import EyeFinder
from app.inference.calibration import loud_window
from app.inference.engines.frame_cache import FrameCache
from app.inference.engines.portrait.blinks import blink_at
from app.inference.engines.portrait.idle_motion import PortraitMotion
from app.inference.expression import NEUTRAL, Expression
from app.inference.features.window import MelSpan, Window
from app.media import I420
from app.pacer.idle_renderer import CLOSING_SLOTS, DeferredFrame, IdleRenderer
from app.pacer.links import PacerLinks, PacerListener
from app.pacer.pacer import Pacer
from app.pacer.played_slot import PlayedSlot
from app.pacer.playout_buffer import PlayoutBuffer
from app.rtc.broadcast import PictureBroadcast
from app.rtc.picture_encoder import Effort
from app.rtc.playout_feed import PlayoutFeed
from tests.fakes import STILL, Face, FakeClock, HandPool, InlinePool, NotingEncoder, Recorder, Watched, frame

ORDERS_HIGH = 5


class GatedLife:
    """Draws its position, when told."""

    def __init__(self, open_gate: bool = True) -> None:
        self.gate = threading.Semaphore(10_000 if open_gate else 0)
        self.drawn: list[tuple[int, Emphasis]] = []
        self.asked = 0
        self.fail = False

    def emphasis(self, window: Window) -> Emphasis:
        return Emphasis(0.5, 0.5)

    def at_rest(self, position: int, emphasis: Emphasis, expression: Expression = NEUTRAL) -> I420:
        self.gate.acquire()
        self.asked += 1
        if self.fail:
            raise ValueError("broken")
        self.drawn.append((position, emphasis))
        return np.full((3, 2), position % 251, np.uint8)


async def news() -> None:
    """Let what the threads have said reach the event loop's callbacks."""
    for _ in range(3):
        await asyncio.sleep(0)


async def draw(pool: HandPool, number: int) -> None:
    pool.draw(number)
    await news()


def played(value: int) -> I420:
    return np.full((3, 2), value, np.uint8)


@pytest.fixture
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(1, "resting") as made:
        yield made


async def shown(picture: I420 | DeferredFrame, before: I420 | None = None) -> int:
    async with asyncio.timeout(10):
        return int((await picture.ready(before) if isinstance(picture, DeferredFrame) else picture)[0, 0])


async def test_a_face_without_life_is_its_picture_at_once_and_nothing_is_drawn(pool: Executor) -> None:
    idle = IdleRenderer(Face(None), pool, ORDERS_HIGH, Watched())
    assert all(idle.picture(position) is STILL for position in range(1000))
    assert not any(thread.name.startswith("resting") for thread in threading.enumerate())


async def test_each_position_is_drawn_for_itself_on_the_pool(pool: Executor) -> None:
    life = GatedLife()
    idle = IdleRenderer(Face(life), pool, ORDERS_HIGH, Watched())
    for position in range(20):
        assert await shown(idle.picture(position)) == position
    assert [position for position, _ in life.drawn] == list(range(20))


async def test_while_the_avatar_s_time_stands_still_nothing_is_drawn_again(pool: Executor) -> None:
    life = GatedLife()
    idle = IdleRenderer(Face(life), pool, ORDERS_HIGH, Watched())
    assert len({id(idle.picture(7)) for _ in range(10)}) == 1
    assert await shown(idle.picture(7)) == 7 and len(life.drawn) == 1


async def test_a_session_waits_for_few_pictures_and_counts_what_it_repeats(pool: Executor) -> None:
    life = GatedLife(open_gate=False)
    idle = IdleRenderer(Face(life), pool, ORDERS_HIGH, Watched())
    pictures = [idle.picture(position) for position in range(50)]
    assert len(set(map(id, pictures))) == ORDERS_HIGH and idle.repeated == 50 - ORDERS_HIGH
    before = np.full((3, 2), 99, np.uint8)
    assert await shown(pictures[0], before) == 99, "who shows it goes on with what is there"
    life.gate.release(1)
    while not life.drawn:
        await asyncio.sleep(0)
    assert await shown(pictures[0], before) == 0
    assert await shown(pictures[1], before) == 0, "the newest there is"
    life.gate.release(100)
    assert idle.late == 2
    assert [await shown(picture, before) for picture in pictures[:ORDERS_HIGH]] == list(range(ORDERS_HIGH))
    assert idle.late == 2


async def test_as_many_pictures_are_ordered_as_the_session_says() -> None:
    idle = IdleRenderer(Face(GatedLife()), HandPool(), 28, Watched())
    pictures = [idle.picture(position) for position in range(30)]
    assert len(set(map(id, pictures))) == 28 and idle.repeated == 2


async def test_an_older_picture_never_stands_in_for_a_newer_one() -> None:
    pool = HandPool()
    idle = IdleRenderer(Face(GatedLife()), pool, ORDERS_HIGH, Watched())
    pictures = [idle.picture(position) for position in range(3)]
    await draw(pool, 1)
    await draw(pool, 0)
    assert await shown(pictures[2], played(99)) == 1, "the thread that had the older one was slow"


async def test_a_picture_from_before_a_voice_never_stands_in_after_it() -> None:
    pool = HandPool()
    idle = IdleRenderer(Face(GatedLife()), pool, ORDERS_HIGH, Watched())
    idle.picture(7)
    idle.follow(8, played(200), Emphasis(0.5, 0.5))
    late = idle.picture(9)
    await draw(pool, 0)
    assert await shown(late, played(200)) == 200 and idle.late == 1


async def test_the_first_picture_is_there_even_if_it_is_never_drawn() -> None:
    pool = HandPool()
    idle = IdleRenderer(Face(GatedLife()), pool, ORDERS_HIGH, Watched())
    first = idle.picture(0)
    assert isinstance(first, DeferredFrame)
    waiting = asyncio.create_task(first.ready(None))
    await asyncio.sleep(0)
    idle.interrupt()
    assert await asyncio.wait_for(waiting, 10) is STILL


async def test_closing_gives_up_what_is_not_drawn_and_says_nothing(pool: Executor) -> None:
    life, errors = GatedLife(open_gate=False), list[BaseException]()
    idle = IdleRenderer(Face(life), pool, ORDERS_HIGH, Watched(), errors.append)
    for position in range(ORDERS_HIGH):
        idle.picture(position)
    idle.close()
    idle.close()
    await asyncio.sleep(0)
    life.gate.release(100)
    pool.submit(int).result()
    await asyncio.sleep(0)
    assert len(life.drawn) <= 1 and errors == []


async def test_a_face_that_cannot_be_drawn_is_reported_once(pool: Executor) -> None:
    life, errors = GatedLife(), list[BaseException]()
    life.fail = True
    idle = IdleRenderer(Face(life), pool, ORDERS_HIGH, Watched(), errors.append)
    pictures = [idle.picture(position) for position in range(3)]
    assert await shown(pictures[0], STILL) == 0
    await asyncio.gather(*(picture.ready(STILL) for picture in pictures if isinstance(picture, DeferredFrame)))
    assert len(errors) == 1 and isinstance(errors[0], ValueError)


async def test_after_a_failure_nothing_is_ordered_and_no_error_is_left_unread(pool: Executor) -> None:
    life, complaints = GatedLife(open_gate=False), list[dict[str, Any]]()
    life.fail = True
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
    idle = IdleRenderer(Face(life), pool, ORDERS_HIGH, Watched())
    pictures = [idle.picture(position) for position in range(2)]
    life.gate.release(100)
    pool.submit(int).result()
    await asyncio.sleep(0)
    idle.picture(2)  # both have failed, and nobody was told yet
    await news()
    asked = life.asked
    assert all(idle.picture(position) is STILL for position in range(10, 30))
    pool.submit(int).result()
    assert life.asked == asked
    idle.close()
    del pictures, idle
    gc.collect()
    await news()
    assert complaints == []


@pytest.mark.parametrize("alive", [True, False])
async def test_a_mouth_comes_to_rest_in_a_few_slots_whether_the_face_lives_or_not(alive: bool) -> None:
    with ThreadPoolExecutor(1, "resting") as pool:
        idle = IdleRenderer(Face(GatedLife() if alive else None), pool, ORDERS_HIGH, Watched())
        idle.follow(0, played(200), CALM)
        values = [await shown(idle.picture(0)) for _ in range(6)]
        assert values == [150, 100, 50, 0, 0, 0], "also while the avatar's time stands still"
        idle.follow(1, played(100), CALM)
        values = [await shown(idle.picture(0)) for _ in range(2)]
        assert values == [75, 50], "a second voice begins anew"
        idle.follow(2, played(40), CALM)
        assert await shown(idle.picture(0)) == 30
        assert len(values) < CLOSING_SLOTS


async def test_a_video_s_mouth_comes_to_rest_in_the_frames_that_are_its_turn(pool: Executor) -> None:
    frames = np.repeat(np.arange(0, 80, 8, dtype=np.uint8), 12).reshape(10, 2, 2, 3)
    meshes = np.zeros((10, 468, 2), np.float32)
    video = FrameCache(Avatar("v", "v", frames[0], meshes[0], VideoLoop(frames, meshes)), lambda image, mesh: None)
    idle = IdleRenderer(video, pool, ORDERS_HIGH, Watched())
    idle.follow(1, played(200), CALM)
    luma = [int(video.idle_frame(position)[0, 0]) for position in (2, 3, 4, 5)]
    assert luma == sorted(luma) and luma[0] < luma[-1], "the frames of their turns"
    seen = [await shown(idle.picture(position)) for position in (2, 3, 4, 5)]
    assert seen == [round(200 + (rest - 200) * share) for rest, share in zip(luma, (0.25, 0.5, 0.75, 1), strict=True)]


async def test_a_mouth_that_is_at_rest_already_changes_by_no_bit_and_orders_nothing() -> None:
    pool = HandPool()
    idle = IdleRenderer(Face(None), pool, ORDERS_HIGH, Watched())
    idle.follow(0, STILL, CALM)
    assert all(idle.picture(position) is STILL for position in range(1, 9)) and pool.work == []


async def test_a_face_without_time_for_life_blinks_and_nobody_draws_for_it() -> None:
    image = np.zeros((16, 16, 3), np.uint8)
    opened, closed = (np.full((24, 16), value, np.uint8) for value in (16, 80))
    face = FrameCache(
        Avatar("v", "v", image, np.zeros((468, 2), np.float32)),
        lambda image, mesh: None,
        GatedLife(),
        lambda position: closed if position % 10 == 9 else opened,
    )
    pool = HandPool()
    idle = IdleRenderer(face.without_idle_motion(), pool, ORDERS_HIGH, Watched())
    seen = [idle.picture(position) for position in range(20)]
    assert [picture is closed for picture in seen] == [position % 10 == 9 for position in range(20)]
    assert pool.work == []


async def test_an_equal_picture_is_faded_into_without_a_change(pool: Executor) -> None:
    image = np.arange(768, dtype=np.uint16).astype(np.uint8).reshape(16, 16, 3)
    still = FrameCache(Avatar("v", "v", image, np.zeros((468, 2), np.float32)), lambda image, mesh: None)
    every = still.idle_frame(1)
    idle = IdleRenderer(still, pool, ORDERS_HIGH, Watched())
    idle.follow(0, every.copy(), CALM)
    for _ in range(CLOSING_SLOTS):
        picture = idle.picture(1)
        assert isinstance(picture, DeferredFrame) and (await picture.ready(None) == every).all()


async def test_a_video_whose_pool_is_busy_shows_the_frame_at_rest_at_once() -> None:
    pool = HandPool()
    idle = IdleRenderer(Face(None), pool, 1, Watched())
    idle.follow(0, played(200), CALM)
    assert isinstance(idle.picture(1), DeferredFrame)
    assert idle.picture(2) is STILL and idle.repeated == 1


async def test_an_interrupt_puts_the_mouth_at_rest_at_once() -> None:
    pool = HandPool()
    idle = IdleRenderer(Face(GatedLife()), pool, ORDERS_HIGH, Watched())
    idle.follow(4, played(200), CALM)
    on_its_way = idle.picture(5)
    await draw(pool, 0)
    assert await shown(on_its_way) == 151
    on_its_way = idle.picture(5)
    idle.interrupt()
    after = [idle.picture(position) for position in (5, 5, 6)]
    assert await shown(after[0], played(99)) == 99, "no picture from before stands in"
    assert pool.work[1][0].cancelled()
    await draw(pool, 2)
    await draw(pool, 3)
    assert [await shown(picture) for picture in after] == [5, 5, 6]


async def test_the_head_comes_to_rest_from_what_was_said_last(pool: Executor) -> None:
    life = GatedLife()
    idle = IdleRenderer(Face(life), pool, ORDERS_HIGH, Watched())
    idle.follow(100, played(100), Emphasis(0.8, 0.5))
    for position in range(101, 130):
        await shown(idle.picture(position))
    eased = [emphasis.level for _, emphasis in life.drawn]
    assert 0.6 < eased[0] < 0.8 and eased[-1] < 0.02
    assert eased == sorted(eased, reverse=True)


class Upstream:
    """A voice that may go on."""

    backlog = 0
    ended = True


async def test_speech_and_rest_are_one_movement(avatar: Avatar, pool: Executor) -> None:
    life = PortraitMotion(avatar.image, avatar.mesh, EyeFinder(), DepthFinder())
    cache = FrameCache(avatar, lambda image, mesh: None, life)
    idle, buffer, recorder, clock = (
        IdleRenderer(cache, pool, ORDERS_HIGH, Watched()),
        PlayoutBuffer(50, 10),
        Recorder(),
        FakeClock(),
    )

    pacer = Pacer(PacerLinks(buffer, Upstream(), recorder, idle), "clip", clock, PacerListener())
    epoch = pacer.start()
    for slot in range(120):
        clock.time_ns = epoch.due_ns(slot)
        for ahead in range(30 if slot == 60 else 0):
            emphasis = Emphasis(0.5 * float(np.sin(np.pi / 2 * ahead / 29) ** 2))
            image = life.draw(None, buffer.demand.position, emphasis)
            buffer.put(replace(frame(ahead), image=image, emphasis=emphasis))
        pacer.step()
        await shown(recorder.slots[-1].image)  # as a track would by now
    assert [slot.position for slot in recorder.slots] == list(range(120)), "the avatar's time runs through"
    pictures = [
        slot.image if isinstance(slot.image, np.ndarray) else await slot.image.ready(None) for slot in recorder.slots
    ]
    calm = [not any(blink_at(life._seed, p) for p in (n, n + 1)) for n in range(119)]
    pairs = pairwise(pictures)
    steps = np.array([np.abs(a.astype(int) - b).mean() for a, b in pairs])
    for turn in (59, 89):  # from rest to speech, and back
        assert calm[turn], "else the eyes move, which is more than the head does"
        assert steps[turn] <= 2 * steps[[n for n in range(50, 110) if calm[n] and n not in (59, 89)]].max()


async def test_a_resting_picture_is_shown_in_its_slot(pool: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = NotingEncoder()
    monkeypatch.setattr("app.rtc.picture_channel.make_encoder", lambda *options: encoder)
    life, clock, feed = GatedLife(), FakeClock(), PlayoutFeed(2)
    idle, slots = IdleRenderer(Face(life), pool, ORDERS_HIGH, Watched()), SlotClock(clock.now_ns())
    pictures = PictureBroadcast(feed, clock, InlinePool(), 0, 1_000_000, Effort.USUAL)
    subscription = pictures.subscribe("VP8")
    serving = asyncio.create_task(pictures.run(slots))
    for slot in range(4):
        feed.put(PlayedSlot(slot, slot + 40, idle.picture(slot + 40), frame(0).audio, None))
        assert (await subscription.next()).pts == slot * 3600
        assert (encoder.coded[-1][1] == slot + 40).all()
    serving.cancel()
    assert [position for position, _ in life.drawn] == [40, 41, 42, 43]


async def test_an_interrupt_puts_the_face_at_rest_into_every_slot_that_waits(pool: Executor) -> None:
    life, feed = GatedLife(), PlayoutFeed(2)
    idle = IdleRenderer(Face(life), pool, ORDERS_HIGH, Watched())
    for slot in range(3):
        feed.put(PlayedSlot(slot, slot + 10, STILL + 200, frame(slot).audio, 0))
    idle.follow(12, STILL + 200, Emphasis(0.5))
    idle.interrupt()
    feed.silence(idle.picture)
    assert [await shown(slot.image) for slot in feed.pictures.items] == [10, 11, 12]


def test_a_voice_s_emphasis_is_read_from_its_window(avatar: Avatar) -> None:
    life, span = PortraitMotion(avatar.image, avatar.mesh, EyeFinder(), DepthFinder()), MelSpan(-25, 85)
    loud = loud_window(span)
    quiet = replace(loud, mel=np.full_like(loud.mel, -4.0))
    assert life.emphasis(quiet) == CALM
    assert 0.3 < life.emphasis(loud).level <= 1 and 0.3 < life.emphasis(loud).quick <= 1
