"""Who sends a session's voice, one at a time: bytes in, windows for the inference thread out."""

from __future__ import annotations

import asyncio

from app.clock import Clock
from app.inference.features.windower import Windower
from app.inference.scheduler.stream import GenerationStream
from app.ingest.inbox import Mark, PcmInbox
from app.ingest.pcm import PcmFormat
from app.ingest.slicer import Slicer

PIECE_MS = 80  # sliced at a time, so that a large message does not hold the event loop
INBOX_S = 10  # of sound that is read ahead, so that an interrupt behind it is heard


class Feeder:
    """Moves one feeder's sound, waiting wherever the next stage is full.

    Bound: ``INBOX_S`` of sound; full: :meth:`push` and :meth:`flush` wait, and what an interrupt finds waiting there is
    dropped too. Its sound comes behind all that the feeder ``before`` it sent. After :meth:`leave` what was sent goes
    on to play.
    """

    def __init__(
        self,
        format: PcmFormat,
        stream: GenerationStream,
        clock: Clock,
        generation: int,
        before: Feeder | None = None,
    ) -> None:
        self._stream, self._clock, self._generation, self._before = stream, clock, generation, before
        self._slicer = Slicer(format.encoding, format.channels, format.sample_rate)
        self._windower = Windower(stream.engine.span)
        self._piece_bytes = max(1, format.sample_rate * PIECE_MS // 1000) * self._slicer.bytes_per_sample
        self._inbox = PcmInbox(INBOX_S * format.sample_rate * self._slicer.bytes_per_sample)
        self._drained = asyncio.Event()
        self.left = False

    @property
    def drained(self) -> bool:
        """Whether it has left, and all that it sent has gone to the inference thread."""
        return self._drained.is_set()

    async def push(self, data: bytes) -> None:
        """Take sound of any number of bytes; waits while the inbox is full."""
        await self._put(data)

    async def flush(self) -> None:
        """Note the end of an utterance behind what was sent so far; waits while the inbox is full."""
        await self._put(Mark.FLUSH)

    def leave(self) -> None:
        """Let somebody else feed the session: what was sent is flushed, and played. Again is fine."""
        if not self.left:
            self.left = True
            self._inbox.put(Mark.END)

    def interrupt(self, generation: int) -> None:
        """Discard everything that has not reached the inference thread."""
        self._generation = generation
        self._inbox.clear()
        self._slicer.reset()
        self._windower.reset()
        if self.left:
            self._inbox.put(Mark.END)

    async def run(self) -> None:
        """Serve the inbox until the feeder has left and all is served, or until cancelled."""
        if self._before is not None:
            await self._before._drained.wait()
            self._slicer.begin_at(self._before._slicer.next_pts)
            self._before = None
        while (item := await self._inbox.get()) is not Mark.END:
            if isinstance(item, Mark):
                self._flush()
            else:
                await self._push(item)
        self._flush()
        self._drained.set()

    async def _put(self, item: bytes | Mark) -> None:
        generation = self._generation
        await self._inbox.wait_for_room()
        if not self.left and generation == self._generation:
            self._inbox.put(item)

    async def _push(self, data: bytes) -> None:
        generation = self._generation
        for start in range(0, len(data), self._piece_bytes):
            await self._stream.wait_for_room()
            if generation != self._generation:
                return
            piece = data[start : start + self._piece_bytes]
            for sound in self._slicer.push(piece, generation, self._clock.now_ns()):
                self._stream.submit(self._windower.push(sound))
            self._stream.submit(self._windower.hear(self._slicer.tail))
            if start:
                await asyncio.sleep(0)

    def _flush(self) -> None:
        for sound in self._slicer.flush(self._generation, self._clock.now_ns()):
            self._stream.submit(self._windower.push(sound))
        self._stream.submit(self._windower.flush())
        self._stream.end()
