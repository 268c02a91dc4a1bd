"""One more subscriber of a session's pictures and voice, who writes them down."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from concurrent.futures import Executor
from pathlib import Path

from app.disk import FULL, Disk
from app.media import VIDEO_CLOCK_RATE
from app.provenance.origin import Origin
from app.recordings.recording_info import RecordingFault
from app.rtc.recording.mp4_file import Mp4File, Sample
from app.rtc.senders import Media
from app.rtc.subscription import Subscription

logger = logging.getLogger(__name__)

BATCH = 15  # packets written together, a fifth of a second: what a killed process loses beside its last fragment
WAITING_HIGH = 750  # packets, 10 s: the disk may take so long
KEY_INTERVAL = 10 * VIDEO_CLOCK_RATE  # between key frames at the most: players seek from one to the next
DISK_FULL = RecordingFault("disk_full", "The disk is full; make room, then record a new session.")


class Recorder:
    """Writes a session's packets into an MP4, from :meth:`start` to :meth:`aclose`, or until the disk takes no more.

    Bound: ``WAITING_HIGH`` packets that the disk has not taken, and one more. Full: the packets stay with the
    subscriptions, which drop and count them; the pictures go on with a key frame. Empty: it waits. Files are written
    by ``pool``, one batch at a time, as long as ``disk`` has room to spare; all else is on the event loop. It never
    fails: ``fault`` says why it ended early.
    """

    def __init__(
        self,
        media: Media,
        path: Path,
        size: tuple[int, int],
        origin: Origin,
        pool: Executor,
        disk: Disk | None = None,
    ) -> None:
        self._media, self._path, self._size, self._origin = media, path, size, origin
        self._pool, self._disk = pool, disk
        self._pictures, self._voice = media.pictures.subscribe("H264"), media.voice.subscribe()
        self._waiting: deque[Sample] = deque()
        self._in_hand = 0  # packets that are being written
        self._last_key = 0
        self._enough, self._room = asyncio.Event(), asyncio.Event()
        self._ending = False
        self._file: Mp4File | None = None
        self._length: int | None = None  # bytes of the finished file
        self.fault: RecordingFault | None = None
        self._carriers = [
            asyncio.create_task(self._carry(self._pictures, True), name="recorded pictures"),
            asyncio.create_task(self._carry(self._voice, False), name="recorded voice"),
        ]
        self._writer = asyncio.create_task(self._write(), name="recording")

    @property
    def depth(self) -> int:
        """Packets that the disk has not taken."""
        return len(self._waiting) + self._in_hand

    @property
    def bytes(self) -> int:
        """How much of the file can be played."""
        return self._length if self._length is not None else self._file.whole_bytes if self._file else 0

    @property
    def duration_ms(self) -> int:
        """How long what was written is."""
        return self._file.duration_ms if self._file else 0

    @property
    def is_ending(self) -> bool:
        """Whether the file is no longer one of fragments alone."""
        return self._file is not None and self._file.is_ending

    @property
    def is_over(self) -> bool:
        """Whether the file is finished."""
        return self._writer.done()

    async def ended(self) -> None:
        """Wait until the file is finished."""
        await asyncio.shield(self._writer)

    async def aclose(self) -> None:
        """Write what was sent so far, and finish the file; again is fine."""
        if not self._ending:
            self._ending = True
            self._leave()
            await asyncio.gather(*self._carriers, return_exceptions=True)
            for subscription, is_picture in ((self._pictures, True), (self._voice, False)):
                while len(subscription):
                    self._waiting.append(Sample(is_picture, await subscription.next()))
            self._enough.set()
        await self.ended()

    def _leave(self) -> None:
        for carrier in self._carriers:
            carrier.cancel()
        self._media.pictures.unsubscribe(self._pictures)
        self._media.voice.unsubscribe(self._voice)

    async def _carry(self, subscription: Subscription, is_picture: bool) -> None:
        """Take one stream's packets as long as there is room."""
        while True:
            while self.depth >= WAITING_HIGH:
                self._room.clear()
                await self._room.wait()
            encoded = await subscription.next()
            self._waiting.append(Sample(is_picture, encoded))
            if len(self._waiting) >= BATCH:
                self._enough.set()
            if is_picture:
                self._mind_keys(encoded.pts, encoded.key)

    def _mind_keys(self, pts: int, key: bool) -> None:
        if key:
            self._last_key = pts
        elif pts - self._last_key >= KEY_INTERVAL:
            self._last_key = pts  # asked once; what was lost asks for itself
            self._media.pictures.want_key(self._pictures)

    async def _write(self) -> None:
        """Write until the end, or until that cannot be done."""
        loop = asyncio.get_running_loop()
        try:
            file = self._file = await loop.run_in_executor(
                self._pool, Mp4File, self._path, *self._size, self._origin.tags
            )
            try:
                while self._waiting or not self._ending:
                    await self._until_enough()
                    batch = list(self._waiting)
                    self._waiting.clear()
                    self._in_hand = len(batch)
                    await loop.run_in_executor(self._pool, self._put, file, batch)
                    self._in_hand = 0
                    self._room.set()
            finally:
                self._length = await loop.run_in_executor(self._pool, self._finish, file)
        except Exception as error:  # whatever it is, the session goes on
            self._give_up(error)

    def _finish(self, file: Mp4File) -> int:
        """End the file and write into it where it comes from; returns its length in bytes."""
        file.close()
        self._origin.mark_if_possible(self._path)
        return self._path.stat().st_size

    def _put(self, file: Mp4File, batch: list[Sample]) -> None:
        if self._disk is not None:
            self._disk.require(0)  # where there was room before, there is for a batch more
        file.write(batch)

    async def _until_enough(self) -> None:
        if not self._ending:
            await self._enough.wait()
            self._enough.clear()

    def _give_up(self, error: Exception) -> None:
        full = isinstance(error, OSError) and error.errno in FULL
        logger.error("recording: %s ended early: %s", self._path.name, error, exc_info=None if full else error)
        said = RecordingFault(
            "recording_failed", "It cannot be written, and the server's log says why; try a new session."
        )
        self.fault = DISK_FULL if full else said
        self._ending = True
        self._leave()
        self._waiting.clear()
        self._in_hand = 0
