"""All recordings: those that are being written, and those that are kept."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from pathlib import Path
from typing import Protocol

from app.access.caller import Caller
from app.avatars.avatar import Avatar
from app.clock import Clock, wall_clock
from app.errors import Refusal
from app.media import NS_PER_S
from app.objects.faults import StoreAway
from app.provenance.origin import Origin
from app.recordings.recording_info import RecordingFault, RecordingInfo
from app.recordings.store import RecordingStore
from app.session_ref import bare
from app.sessions.recording import Recording, Snapshot
from app.threads import MeasuredPool

logger = logging.getLogger(__name__)

SWEEP_NS = 3600 * NS_PER_S
QUOTA_NS = 2 * NS_PER_S
OVER_QUOTA = RecordingFault(
    "quota_bytes", "This key keeps as many bytes of avatars and recordings as it may; delete some, then record anew."
)
WRITERS = 2  # threads, for however many recordings: they wait for one disk


class Quotas(Protocol):
    """Who knows how much each key may keep."""

    async def left(self, owner: str) -> int | None:
        """Return how many bytes a key may still keep; None: any number."""
        ...


class Recordings:
    """Begins recordings and finds them again by the id of their session, or a reference to it.

    ``start`` and ``aclose`` belong together.
    """

    def __init__(self, store: RecordingStore, origin: Origin, clock: Clock) -> None:
        self._store, self._origin, self._clock = store, origin, clock
        self._pool = MeasuredPool(WRITERS, "recording")
        self._live: dict[str, Recording] = {}
        self._sweeper: asyncio.Task[None] | None = None
        self.failed = 0  # so far

    @property
    def live(self) -> int:
        """How many are being written."""
        return len(self._live)

    def start(self) -> None:
        """Remove what has expired, now and every hour."""
        self._sweeper = asyncio.create_task(self._sweep_hourly(), name="recordings' expiry")

    async def aclose(self) -> None:
        """Finish all that are being written."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        await asyncio.gather(*(recording.aclose() for recording in list(self._live.values())))
        await asyncio.to_thread(self._pool.shutdown)

    def begin(self, session: str, avatar: Avatar, owner: str = "") -> Recording:
        """Make a session's recording; it is found as soon as something of it can be played."""
        created = wall_clock().isoformat(timespec="seconds")
        info = RecordingInfo(session, avatar.id, created, owner=owner)
        recording = Recording(info, (avatar.width, avatar.height), self._store, self._origin, self._pool, self._forget)
        self._live[session] = recording
        return recording

    async def require_own(self, session: str, caller: Caller) -> None:
        """Let in whose recording it is; another's is as if there were none.

        Raises:
            Refusal: ``no_recording``.
        """
        if not caller.may_change(await self.owner_of(session)):
            raise _no_recording()

    async def owner_of(self, session: str) -> str:
        """Return the id of the key whose recording it is; empty where there was none.

        Raises:
            Refusal: ``no_recording``.
        """
        session = bare(session)
        live = self._live.get(session)
        info = live.info if live is not None else await asyncio.to_thread(self._store.find, session)
        if info is None:
            raise _no_recording()
        return info.owner

    async def bytes_by_owner(self) -> Counter[str]:
        """Add up what recordings take, those that are being written included."""
        kept = await asyncio.to_thread(self._store.bytes_by_owner, set(self._live))
        for recording in self._live.values():
            kept[recording.info.owner] += recording.info.bytes
        return kept

    async def watch_quotas(self, quotas: Quotas) -> None:
        """End recordings of keys that keep more than they may; until it is cancelled."""
        while True:
            await self._clock.sleep_until(self._clock.now_ns() + QUOTA_NS)
            for owner in {recording.info.owner for recording in self._live.values()}:
                try:
                    left = await quotas.left(owner)
                except OSError as error:
                    logger.warning("recordings: what %s keeps cannot be added up: %s", owner, error)
                    continue
                if left is not None and left <= 0:
                    logger.info("recordings: %s keeps as much as it may", owner)
                    own = [recording for recording in self._live.values() if recording.info.owner == owner]
                    await asyncio.gather(*(recording.stop(OVER_QUOTA) for recording in own))

    async def open(self, session: str) -> Snapshot | Path:
        """Return a finished file's path, or what can be played of one that is being written.

        Raises:
            Refusal: ``no_recording``.
        """
        session = bare(session)
        live = self._live.get(session)
        if live is not None and (snapshot := await live.snapshot()) is not None:
            return snapshot
        if live is not None and live.is_ending:
            await live.finished()
        return await asyncio.to_thread(self._kept, session)

    async def delete(self, session: str) -> None:
        """Remove a recording; one that is being written ends.

        Raises:
            Refusal: ``no_recording``.
        """
        session = bare(session)
        live = self._live.get(session)
        if live is not None:
            await live.discard()
        elif not await asyncio.to_thread(self._store.delete, session):
            raise _no_recording()

    def _kept(self, session: str) -> Snapshot | Path:
        info = self._store.find(session)
        path = self._store.fetch(session) if info is not None else None
        if info is None or path is None:
            raise _no_recording()
        if info.state != "recording":
            return path
        return Snapshot.of(open(path, "rb"), info.bytes)  # of a server that was killed, or of another one

    def _forget(self, recording: Recording) -> None:
        if self._live.pop(recording.info.session, None) is not None:
            self.failed += recording.info.state == "failed"

    async def _sweep_hourly(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self._store.sweep, list(self._live))
            except (OSError, StoreAway) as error:
                logger.warning("recordings: what has expired cannot be removed: %s", error)
            await self._clock.sleep_until(self._clock.now_ns() + SWEEP_NS)


def _no_recording() -> Refusal:
    return Refusal(
        "no_recording",
        "There is no recording of this session: it was not asked for, has not begun, has expired or was deleted.",
    )
