"""Faces at rest: drawn away from the event loop, in step with the faces that speak, bounded, and over in the end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from app.inference.engine import Life, MelSpan, Portrait, Window
from app.inference.eyes import EyeFinder
from app.inference.portrait.life import moment
from app.inference.portrait.liveliness import Liveliness
from app.inference.shots import Shots
from app.inference.windows import loud_window
from app.media import Image, TalkingFrame
from app.pacer.clock import SlotClock
from app.pacer.pacer import Pacer, PlayedSlot
from app.pacer.playout_buffer import PlayoutBuffer
from app.pacer.resting import ORDERS_HIGH, OrderedPicture, Resting
from app.rtc.playout_feed import PlayoutFeed
from app.rtc.tracks import PictureTrack
from tests.fakes import FakeClock, Recorder, frame

STILL = np.zeros((2, 2, 3), np.uint8)


class GatedLife:
    """Draws its position, when told."""

    def __init__(self, open_gate: bool = True) -> None:
        self.gate = threading.Semaphore(10_000 if open_gate else 0)
        self.drawn: list[tuple[int, float]] = []
        self.fail = False

    def emphasis(self, window: Window) -> float:
        return 0.5

    def stands_for(self, position: int) -> int:
        return position

    def at_rest(self, position: int, emphasis: float) -> Image:
        self.gate.acquire()
        if self.fail:
            raise ValueError("broken")
        self.drawn.append((position, emphasis))
        return np.full((2, 2, 3), position % 251, np.uint8)


class Face:
    """An avatar that is nothing but its life."""

    moving = False

    def __init__(self, life: Life | None) -> None:
        self.life = life

    def rest(self, position: int) -> Image:
        return STILL


@pytest.fixture
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(1, "resting") as made:
        yield made


async def shown(picture: Image | OrderedPicture, before: Image | None = None) -> int:
    return int((await picture.ready(before) if isinstance(picture, OrderedPicture) else picture)[0, 0, 0])


async def test_a_face_without_life_is_its_picture_at_once_and_nothing_is_drawn(pool: Executor) -> None:
    resting = Resting(Face(None), pool)
    assert all(resting.picture(position) is STILL for position in range(1000))
    assert not any(thread.name.startswith("resting") for thread in threading.enumerate())


async def test_each_position_is_drawn_for_itself_on_the_pool(pool: Executor) -> None:
    life = GatedLife()
    resting = Resting(Face(life), pool)
    for position in range(20):
        assert await shown(resting.picture(position)) == position
    assert [position for position, _ in life.drawn] == list(range(20))


async def test_while_the_avatar_s_time_stands_still_nothing_is_drawn_again(pool: Executor) -> None:
    life = GatedLife()
    resting = Resting(Face(life), pool)
    assert len({id(resting.picture(7)) for _ in range(10)}) == 1
    assert await shown(resting.picture(7)) == 7 and len(life.drawn) == 1


async def test_a_session_waits_for_few_pictures_and_counts_what_it_repeats(pool: Executor) -> None:
    life = GatedLife(open_gate=False)
    resting = Resting(Face(life), pool)
    pictures = [resting.picture(position) for position in range(50)]
    assert len(set(map(id, pictures))) == ORDERS_HIGH and resting.repeated == 50 - ORDERS_HIGH
    before = np.full((2, 2, 3), 99, np.uint8)
    assert await shown(pictures[0], before) == 99, "who shows it goes on with what is there"
    life.gate.release(1)
    while not life.drawn:
        await asyncio.sleep(0)
    assert await shown(pictures[0], before) == 0
    assert await shown(pictures[1], before) == 0, "the newest there is"
    life.gate.release(100)
    assert [await shown(picture, before) for picture in pictures[:ORDERS_HIGH]] == list(range(ORDERS_HIGH))


async def test_closing_gives_up_what_is_not_drawn_and_says_nothing(pool: Executor) -> None:
    life, errors = GatedLife(open_gate=False), list[BaseException]()
    resting = Resting(Face(life), pool, errors.append)
    for position in range(ORDERS_HIGH):
        resting.picture(position)
    resting.close()
    resting.close()
    await asyncio.sleep(0)
    life.gate.release(100)
    pool.submit(int).result()
    await asyncio.sleep(0)
    assert len(life.drawn) <= 1 and errors == []


async def test_a_face_that_cannot_be_drawn_is_reported_once(pool: Executor) -> None:
    life, errors = GatedLife(), list[BaseException]()
    life.fail = True
    resting = Resting(Face(life), pool, errors.append)
    pictures = [resting.picture(position) for position in range(3)]
    assert await shown(pictures[0], STILL) == 0
    await asyncio.gather(*(picture.ready(STILL) for picture in pictures if isinstance(picture, OrderedPicture)))
    assert len(errors) == 1 and isinstance(errors[0], ValueError)


def test_a_head_that_only_sways_is_drawn_every_other_slot_and_a_blink_in_each(portrait: Portrait) -> None:
    life = Liveliness(portrait.image, portrait.mesh, EyeFinder())
    for position in range(3000):
        stands_for = life.stands_for(position)
        blinks = moment(life._seed, position, 0.0).blink > 0
        assert stands_for == position or (stands_for == position - 1 and not blinks)
        assert life.stands_for(stands_for) == stands_for
    assert sum(life.stands_for(position) == position for position in range(3000)) < 1800


async def test_the_head_comes_to_rest_from_what_was_said_last(pool: Executor) -> None:
    life = GatedLife()
    resting = Resting(Face(life), pool)
    resting.follow(100, 0.8)
    for position in range(101, 130):
        await shown(resting.picture(position))
    eased = [emphasis for _, emphasis in life.drawn]
    assert 0.6 < eased[0] < 0.8 and eased[-1] < 0.02
    assert eased == sorted(eased, reverse=True)


class Upstream:
    """A voice that may go on."""

    backlog = 0
    ended = True


async def test_speech_and_rest_are_one_movement(portrait: Portrait, pool: Executor) -> None:
    life = Liveliness(portrait.image, portrait.mesh, EyeFinder())
    shots = Shots(portrait, lambda image, mesh: None, life)
    resting, buffer, recorder, clock = Resting(shots, pool), PlayoutBuffer(50, 10), Recorder(), FakeClock()

    def played(spoken: TalkingFrame, now_ns: int, position: int) -> None:
        resting.follow(position, spoken.emphasis)

    pacer = Pacer(buffer, Upstream(), recorder, resting.picture, "clip", clock, on_played=played)
    epoch = pacer.start()
    for slot in range(120):
        clock.time_ns = epoch.due_ns(slot)
        for ahead in range(30 if slot == 60 else 0):
            emphasis = 0.5 * float(np.sin(np.pi / 2 * ahead / 29) ** 2)
            image = life.apply(portrait.image, pacer.position_behind_buffer(), emphasis)
            buffer.put(replace(frame(ahead), image=image, emphasis=emphasis))
        pacer.step()
        assert await shown(recorder.slots[-1].image) >= 0  # as a track would by now
    assert [slot.position for slot in recorder.slots] == list(range(120)), "the avatar's time runs through"
    pictures = [
        slot.image if isinstance(slot.image, np.ndarray) else await slot.image.ready(None) for slot in recorder.slots
    ]
    calm = [not any(moment(life._seed, p, 0).blink for p in (n, n + 1)) for n in range(119)]
    pairs = pairwise(pictures)
    steps = np.array([np.abs(a.astype(int) - b).mean() for a, b in pairs])
    for turn in (59, 89):  # from rest to speech, and back
        assert calm[turn], "else the eyes move, which is more than the head does"
        assert steps[turn] <= 2 * steps[[n for n in range(50, 110) if calm[n] and n not in (59, 89)]].max()


async def test_a_track_shows_a_resting_picture_in_its_slot(pool: Executor) -> None:
    life, clock, feed = GatedLife(), FakeClock(), PlayoutFeed(2)
    resting, slots = Resting(Face(life), pool), SlotClock(clock.now_ns())
    track = PictureTrack(feed, lambda: slots, clock, 0)
    for slot in range(4):
        feed.put(PlayedSlot(slot, slot + 40, resting.picture(slot + 40), frame(0).audio, None))
        sent = await track.recv()
        assert sent.pts == slot * 3600
    assert [position for position, _ in life.drawn] == [40, 41, 42, 43]


async def test_an_interrupt_puts_the_face_at_rest_into_every_slot_that_waits(pool: Executor) -> None:
    life, feed = GatedLife(), PlayoutFeed(2)
    resting = Resting(Face(life), pool)
    for slot in range(3):
        feed.put(PlayedSlot(slot, slot + 10, STILL + 200, frame(slot).audio, 0))
    resting.follow(12, 0.5)
    feed.silence(resting.picture)
    assert [await shown(slot.image) for slot in feed.pictures.items] == [10, 11, 12]


def test_a_voice_s_emphasis_is_read_from_its_window(portrait: Portrait) -> None:
    life = Liveliness(portrait.image, portrait.mesh, EyeFinder())
    assert 0 <= life.emphasis(loud_window(MelSpan(-25, 85))) <= 1
