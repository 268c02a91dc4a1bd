"""One session's recording: its file, and what is known of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import BinaryIO

from app.provenance.origin import Origin
from app.recordings.recording_info import RecordingFault, RecordingInfo
from app.recordings.store import RecordingStore
from app.rtc.recording.recorder import Recorder
from app.rtc.senders import Media

logger = logging.getLogger(__name__)

HEAD_BYTES = 4096  # all that a clean end changes lies within
CLOSE_S = 5  # a session waits no longer for the disk; what it has been given is written all the same


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What can be played of a recording that is being written: ``head``, and what follows in ``file``, which whoever
    takes this closes, up to ``bytes`` in all."""

    head: bytes
    file: BinaryIO
    bytes: int

    @classmethod
    def of(cls, file: BinaryIO, length: int) -> Snapshot:
        """Take a file's first ``length`` bytes. Blocks."""
        return cls(file.read(min(HEAD_BYTES, length)), file, length)


class Recording:
    """Records from :meth:`start`, with a session's playout, to :meth:`aclose`, with its end.

    ``on_over`` is told once nothing more is written.
    """

    def __init__(
        self,
        info: RecordingInfo,
        size: tuple[int, int],
        store: RecordingStore,
        origin: Origin,
        pool: Executor,
        on_over: Callable[[Recording], None],
    ) -> None:
        self._info, self._size, self._store, self._pool, self._on_over = info, size, store, pool, on_over
        self._origin = origin
        self._recorder: Recorder | None = None
        self._work: asyncio.Task[None] | None = None
        self._unwanted = False

    @property
    def info(self) -> RecordingInfo:
        """How it stands."""
        recorder = self._recorder
        if recorder is None:
            return self._info
        return replace(
            self._info,
            state="failed" if recorder.fault else "done" if recorder.is_over else "recording",
            bytes=recorder.bytes,
            duration_ms=recorder.duration_ms,
            error=recorder.fault,
        )

    @property
    def is_unwanted(self) -> bool:
        """Whether it was deleted."""
        return self._unwanted

    @property
    def is_ending(self) -> bool:
        """Whether its file gets, or is, finished."""
        return self._recorder is not None and self._recorder.is_ending

    def start(self, media: Media) -> None:
        """Record what is sent from now on, unless it was deleted before."""
        if self._unwanted:
            return
        path, disk = self._store.path(self._info.session), self._store.disk
        self._recorder = Recorder(media, path, self._size, self._origin, self._pool, disk)
        self._work = asyncio.create_task(self._keep(self._recorder), name=f"recording {self._info.session}")

    async def snapshot(self) -> Snapshot | None:
        """Return what can be played so far; None where that is nothing, or the file is, or gets, finished."""
        length = self._recorder.bytes if self._recorder else 0
        if length == 0 or self.is_ending:
            return None
        snapshot = await asyncio.to_thread(self._look, length)
        if snapshot is not None and self.is_ending:  # perhaps before its head was read
            await asyncio.to_thread(snapshot.file.close)
            return None
        return snapshot

    async def finished(self) -> None:
        """Wait until nothing more is written, where it ends."""
        if self._work is not None:
            await asyncio.shield(self._work)

    async def discard(self) -> None:
        """End it and leave nothing of it; the session goes on."""
        self._unwanted = True
        await self.aclose()

    async def stop(self, why: RecordingFault) -> None:
        """End it early; what was written stays, and says why it is no more. The session goes on."""
        if self._recorder is not None and not self._recorder.is_over and self._recorder.fault is None:
            self._recorder.fault = why
            await self.aclose()

    async def aclose(self) -> None:
        """Finish the file, as far as the disk lets that happen in time; again is fine."""
        if self._recorder is None or self._work is None:
            self._on_over(self)
            return
        closing = asyncio.gather(self._recorder.aclose(), self._work)
        try:
            await asyncio.wait_for(asyncio.shield(closing), CLOSE_S)
        except TimeoutError:
            logger.warning("recording %s: the disk is slow; it is finished later", self._info.session)

    async def _keep(self, recorder: Recorder) -> None:
        await self._note()
        await recorder.ended()
        await self._note()
        self._on_over(self)

    async def _note(self) -> None:
        """Write down how it stands; of one that was deleted, or holds nothing, nothing stays."""
        info, loop = self.info, asyncio.get_running_loop()
        try:
            if self._unwanted or (info.state != "recording" and info.bytes == 0):
                await loop.run_in_executor(self._pool, self._store.discard, info.session)
            else:
                await loop.run_in_executor(self._pool, self._store.note, info)
        except OSError as error:
            logger.warning("recording %s: what is known of it cannot be kept: %s", info.session, error)

    def _look(self, length: int) -> Snapshot | None:
        try:
            return Snapshot.of(open(self._store.path(self._info.session), "rb"), length)
        except FileNotFoundError:
            return None
