"""Buffer B: the few slots between the pacer and the broadcasts, voice and picture read separately."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np

from app.clock import Clock
from app.media import PACKETS_PER_FRAME, SAMPLE_RATE, SAMPLES_PER_PACKET, SILENCE, Samples
from app.pacer.idle_renderer import Picture
from app.pacer.played_slot import PlayedSlot

SPARE_SLOTS = 3  # beyond the voice's lead: what a late track may owe
FADE_SAMPLES = SAMPLE_RATE // 200  # 5 ms, so that cutting a voice does not click

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class VoicePacket:
    """20 ms of sound. ``number`` counts packets since the epoch (time base 1/50). int16 (960,), 48 kHz.

    ``position``: of its sound in the session's input (time base 1/50); None: it is the silence of a hold.
    """

    number: int
    samples: Samples
    position: int | None


class LatestQueue(Generic[T]):
    """A FIFO of a few items for one reader.

    Bound: ``limit``. Full: the oldest item is dropped and counted, because what is late already is not worth
    delaying what follows. Empty: ``head`` waits.
    """

    def __init__(self, limit: int) -> None:
        self.items: deque[T] = deque()
        self.dropped = 0
        self._limit = limit
        self._filled = asyncio.Event()

    def put(self, item: T) -> None:
        """Append an item; never blocks."""
        if len(self.items) >= self._limit:
            self.items.popleft()
            self.dropped += 1
        self.items.append(item)
        self._filled.set()

    async def head(self) -> T:
        """Wait for an item and look at the first, which stays: until it is sent it can be dropped or replaced."""
        while not self.items:
            self._filled.clear()
            await self._filled.wait()
        return self.items[0]


async def take_when_due(queue: LatestQueue[T], due_ns: Callable[[T], int], clock: Clock) -> T:
    """Wait for the queue's head and its time, then take whatever stands there by then."""
    while True:
        due = due_ns(await queue.head())
        if due <= clock.now_ns():
            return queue.items.popleft()
        await clock.sleep_until(due)
        if queue.items and due_ns(queue.items[0]) <= due:
            return queue.items.popleft()


class PlayoutFeed:
    """What the pacer has released and the tracks have not yet sent.

    The voice leaves ``lead_packets`` × 20 ms before its picture, so the pictures of that lead wait here too.
    """

    def __init__(self, lead_packets: int) -> None:
        self.limit = -(-lead_packets // PACKETS_PER_FRAME) + SPARE_SLOTS  # slots
        self.voice: LatestQueue[VoicePacket] = LatestQueue(self.limit * PACKETS_PER_FRAME)
        self.pictures: LatestQueue[PlayedSlot] = LatestQueue(self.limit)

    def __len__(self) -> int:
        """Slots whose picture has not been sent."""
        return len(self.pictures.items)

    @property
    def unsent(self) -> int:
        """Slots that were released and then dropped here, as the tracks came too late for them."""
        return max(self.pictures.dropped, self.voice.dropped // PACKETS_PER_FRAME)

    def put(self, played: PlayedSlot) -> None:
        """Take one slot from the pacer."""
        self.pictures.put(played)
        audio = played.audio
        for part in range(PACKETS_PER_FRAME):
            samples = audio[part * SAMPLES_PER_PACKET : (part + 1) * SAMPLES_PER_PACKET]
            position = None if played.pts is None else played.pts * PACKETS_PER_FRAME + part
            self.voice.put(VoicePacket(played.slot * PACKETS_PER_FRAME + part, samples, position))

    @property
    def voiceless(self) -> bool:
        """Whether none of the voice that waits here is input."""
        return all(packet.position is None for packet in self.voice.items)

    def silence(self, rest: Callable[[int], Picture]) -> int:
        """Replace all that is not yet sent by rest, for an interrupt: the slots stay, their content goes.

        The voice fades within 5 ms instead of being cut. Returns how many packets of input were silenced.
        """
        silenced = sum(packet.position is not None for packet in self.voice.items)
        for i, played in enumerate(self.pictures.items):
            self.pictures.items[i] = replace(
                played, image=rest(played.position), audio=SILENCE, generation=None, pts=None
            )
        for i, packet in enumerate(self.voice.items):
            quiet = np.zeros_like(packet.samples)
            if i == 0:
                fade = np.linspace(1, 0, FADE_SAMPLES, dtype=np.float32)
                quiet[:FADE_SAMPLES] = (packet.samples[:FADE_SAMPLES] * fade).astype(np.int16)
            self.voice.items[i] = replace(packet, samples=quiet, position=None)
        return silenced
