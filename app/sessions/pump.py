"""The pump: from the inbox through slices and windows to the inference thread."""

from __future__ import annotations

import asyncio

from app.clock import Clock
from app.inference.features.windower import Windower
from app.inference.scheduler.stream import GenerationStream
from app.ingest.inbox import Mark, PcmInbox
from app.ingest.slicer import Slicer

PIECE_MS = 80  # sliced at a time, so that a large message does not hold the event loop
INBOX_S = 10  # of sound that the route reads ahead, so that an interrupt behind it is heard


class Pump:
    """Moves one session's sound, waiting wherever the next stage is full."""

    def __init__(self, slicer: Slicer, windower: Windower, stream: GenerationStream, rate: int, clock: Clock) -> None:
        self._slicer, self._windower, self._lane, self._clock = slicer, windower, stream, clock
        self._piece_bytes = max(1, rate * PIECE_MS // 1000) * slicer.bytes_per_sample
        self._generation = 0
        self.inbox = PcmInbox(INBOX_S * rate * slicer.bytes_per_sample)

    async def run(self) -> None:
        """Serve the inbox until cancelled."""
        while True:
            item = await self.inbox.get()
            if isinstance(item, Mark):
                self._flush()
            else:
                await self._push(item)

    def interrupt(self, generation: int) -> None:
        """Discard everything that has not reached the inference thread."""
        self._generation = generation
        self.inbox.clear()
        self._slicer.reset()
        self._windower.reset()

    async def _push(self, data: bytes) -> None:
        generation = self._generation
        for start in range(0, len(data), self._piece_bytes):
            await self._lane.wait_for_room()
            if generation != self._generation:
                return
            piece = data[start : start + self._piece_bytes]
            for sound in self._slicer.push(piece, generation, self._clock.now_ns()):
                self._lane.submit(self._windower.push(sound))
            self._lane.submit(self._windower.hear(self._slicer.tail))
            if start:
                await asyncio.sleep(0)

    def _flush(self) -> None:
        for sound in self._slicer.flush(self._generation, self._clock.now_ns()):
            self._lane.submit(self._windower.push(sound))
        self._lane.submit(self._windower.flush())
        self._lane.end()
