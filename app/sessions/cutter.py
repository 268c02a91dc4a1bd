"""One feeder's sound, in whichever format it comes → windows for the inference thread."""

from __future__ import annotations

import asyncio

from app.clock import Clock
from app.inference.features.windower import Windower
from app.inference.scheduler.stream import GenerationStream
from app.ingest.pcm import PcmFormat
from app.ingest.slicer import Slicer

PIECE_MS = 80  # cut at a time, so that a large message does not hold the event loop


class Cutter:
    """Slicer and windower before a stream, waiting while that is full.

    What was cut before an interrupt never follows it. State: what a slicer and a windower hold back.
    """

    def __init__(self, format: PcmFormat, stream: GenerationStream, clock: Clock, generation: int) -> None:
        self._stream, self._clock = stream, clock
        self._slicer, self._format = Slicer.of(format), format
        self._windower = Windower(stream.engine.span)
        self.generation = generation

    @property
    def next_pts(self) -> int:
        """Of the slice that comes next."""
        return self._slicer.next_pts

    @property
    def position(self) -> int:
        """Where the sound that was cut so far ends, in packets."""
        return self._slicer.position

    def begin_at(self, pts: int) -> None:
        """Number slices from here on, before the first."""
        self._slicer.begin_at(pts)

    def expect(self, format: PcmFormat) -> None:
        """Take what comes next as being in a format."""
        if format != self._format:
            self.flush()
            pts = self.next_pts
            self._slicer, self._format = Slicer.of(format), format
            self._slicer.begin_at(pts)

    async def cut(self, data: bytes) -> None:
        """Hand on sound; what an interrupt finds waiting is dropped."""
        generation = self.generation
        piece_bytes = max(1, self._format.sample_rate * PIECE_MS // 1000) * self._slicer.bytes_per_sample
        for start in range(0, len(data), piece_bytes):
            await self._stream.wait_for_room()
            if generation != self.generation:
                return
            piece = data[start : start + piece_bytes]
            for sound in self._slicer.push(piece, generation, self._clock.now_ns()):
                self._stream.submit(self._windower.push(sound))
            self._stream.submit(self._windower.hear(self._slicer.tail))
            await asyncio.sleep(0)  # many small messages hold the event loop as much as a large one

    def flush(self) -> None:
        """Hand on what is held back, filled up with silence."""
        for sound in self._slicer.flush(self.generation, self._clock.now_ns()):
            self._stream.submit(self._windower.push(sound))
        self._stream.submit(self._windower.flush())
        self._stream.end()

    def interrupt(self, generation: int) -> None:
        """Drop what is held back; what follows is of a new generation."""
        self.generation = generation
        self._slicer.reset()
        self._windower.reset()
