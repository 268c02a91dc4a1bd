"""What each key has of sessions: at once, and today."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import date
from typing import Protocol

from app.access.key import Key
from app.access.key_ring import KeyRing, revoked
from app.access.minutes import Minutes
from app.clock import Clock, wall_clock
from app.errors import Refusal
from app.media import NS_PER_S

logger = logging.getLogger(__name__)

EVERY_NS = NS_PER_S
GOODBYE_NS = 2 * NS_PER_S  # for who must still be told why
SAVE_NS = 30 * NS_PER_S  # what a killed process forgets of the minutes


class Owned(Protocol):
    """What of a session counts here."""

    @property
    def id(self) -> str:
        """Its own."""
        ...

    @property
    def owner(self) -> str:
        """The id of its key; empty where there was none."""
        ...

    def fail(self, why: Refusal) -> None:
        """End it, and say why."""
        ...


class Owners:
    """Lets keys open sessions within their quotas, and ends those of keys that are revoked or have used up their day.

    Bound: one count a key that has a session. On the event loop; :meth:`watch` runs until it is cancelled.
    """

    def __init__(self, keys: KeyRing, minutes: Minutes, clock: Clock) -> None:
        self._keys, self._minutes, self._clock = keys, minutes, clock
        self._open: Counter[str] = Counter()
        self._ending: dict[str, int] = {}  # session → when it was told
        self._closing: set[asyncio.Task[None]] = set()
        self._saved_ns = clock.now_ns()
        self._elsewhere: tuple[date, Mapping[str, float]] = (date.min, {})  # minutes of a day, on other machines

    async def start(self) -> None:
        """Read today's minutes."""
        await asyncio.to_thread(self._minutes.load)

    async def aclose(self) -> None:
        """Wait for what is being closed, and keep today's minutes."""
        await asyncio.gather(*self._closing, return_exceptions=True)
        await self._save()

    def sessions_of(self, owner: str) -> int:
        """Return how many sessions a key has, those that are being opened included."""
        return self._open[owner]

    def used_minutes(self, owner: str) -> float:
        """Return how many minutes a key has used today, elsewhere too as far as that is known."""
        today = wall_clock().date()
        day, elsewhere = self._elsewhere
        return self._minutes.used_s(owner, today) / 60 + (elsewhere.get(owner, 0.0) if day == today else 0.0)

    def learn_elsewhere(self, minutes: Mapping[str, float]) -> None:
        """Take how many minutes keys have used today on other machines, in place of what was known."""
        self._elsewhere = wall_clock().date(), minutes

    def minutes_today(self) -> dict[str, float]:
        """Return how many minutes each key has used today, here."""
        return {key: used_s / 60 for key, used_s in self._minutes.all_used_s(wall_clock().date()).items()}

    def enter(self, owner: str) -> None:
        """Take a place for a key's session; :meth:`leave` gives it back.

        Raises:
            Refusal: ``quota_sessions``, ``quota_minutes`` or ``key_revoked``.
        """
        if owner:
            key = self._keys.by_id(owner)
            if key is None:
                raise revoked()
            if key.quota.sessions and self.sessions_of(owner) >= key.quota.sessions:
                most = key.quota.sessions
                raise Refusal("quota_sessions", f"This key has {most} of {most} sessions at once; end one first.")
            self._require_minutes(key)
        self._open[owner] += 1

    def leave(self, owner: str) -> None:
        """Give a place back."""
        self._open[owner] -= 1
        if self._open[owner] <= 0:
            del self._open[owner]

    async def watch(self, sessions: Callable[[], Collection[Owned]], close: Callable[[str], Awaitable[None]]) -> None:
        """Every second count minutes, and end what may not go on: it is told why, then closed (by its id)."""
        before_ns = self._clock.now_ns()
        while True:
            await self._clock.sleep_until(before_ns + EVERY_NS)
            now_ns = self._clock.now_ns()
            await self._keys.refresh()
            present = list(sessions())
            self._charge(present, (now_ns - before_ns) / NS_PER_S)
            self._end_some(present, now_ns)
            for id in [id for id, told_ns in self._ending.items() if now_ns - told_ns >= GOODBYE_NS]:
                del self._ending[id]
                self._close(id, close)
            if now_ns - self._saved_ns >= SAVE_NS:
                self._saved_ns = now_ns
                await self._save()
            before_ns = now_ns

    def _close(self, id: str, close: Callable[[str], Awaitable[None]]) -> None:
        """Close one that was told, beside what else there is to do: a slow disk may hold it up."""

        async def closing() -> None:
            try:
                await close(id)
            except Exception:
                logger.exception("session %s: could not be closed", id)

        task = asyncio.create_task(closing(), name=f"closing {id}")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _charge(self, sessions: Collection[Owned], seconds: float) -> None:
        today = wall_clock().date()
        for owner, count in Counter(session.owner for session in sessions if session.owner).items():
            self._minutes.add(owner, count * seconds, today)

    def _end_some(self, sessions: Collection[Owned], now_ns: int) -> None:
        refused = {owner: self._why_not(owner) for owner in {session.owner for session in sessions if session.owner}}
        for session in sessions:
            why = refused.get(session.owner)
            if why is not None and session.id not in self._ending:
                logger.info("session %s: ends, %s", session.id, why.code)
                session.fail(why)
                self._ending[session.id] = now_ns

    def _why_not(self, owner: str) -> Refusal | None:
        key = self._keys.by_id(owner)
        if key is None:
            return revoked()
        try:
            self._require_minutes(key)
        except Refusal as over:
            return over
        return None

    def _require_minutes(self, key: Key) -> None:
        if key.quota.minutes and self.used_minutes(key.id) >= key.quota.minutes:
            raise Refusal(
                "quota_minutes",
                f"This key has used its {key.quota.minutes:g} minutes of sessions today; there are more at 00:00 UTC.",
            )

    async def _save(self) -> None:
        text = self._minutes.unwritten()
        if text is None:
            return
        try:
            await asyncio.to_thread(self._minutes.write, text)
        except OSError as error:
            logger.warning("keys: today's minutes cannot be kept, a restart forgets them: %s", error)
