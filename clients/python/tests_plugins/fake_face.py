"""A face without a server: it plays as much as a test lets it, and no clock is read."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from lipwire.errors import SessionEnded
from lipwire.events import Event, Interrupted, MarkReached, SpeakingFinished, SpeakingStarted

FOREVER_MS = 1 << 40


@dataclass
class FakeUtterance:
    """What the client's ``Utterance`` is, as far as the plugins use it."""

    face: FakeFace
    id: str
    sample_rate: int
    channels: int
    sent: bytearray = field(default_factory=bytearray)
    begun: bool = False
    played_ms: int = 0
    finished: bool = False
    interrupted: bool = False

    def begin(self) -> None:
        if not self.begun:
            self.begun = True
            self.face.utterances.append(self)
            self.face.log.append(f"begin {self.id}")

    async def send(self, pcm: bytes) -> None:
        self.begin()
        await self.face.writable.wait()
        if not self.finished:
            self.sent += pcm
            self.face.put(("sound", self, len(pcm) * 1000 // (2 * self.channels * self.sample_rate)))

    async def end(self) -> None:
        self.face.log.append(f"end {self.id}")
        self.face.put(("end", self, 0))


class FakeFace:
    """Plays ``plays_ms`` of what it is given as soon as it has it, and more when told to by :meth:`hear`."""

    id, watch_url = "fake", "http://127.0.0.1:8000/watch/fake#token=t"

    def __init__(self, plays_ms: int = FOREVER_MS) -> None:
        self.log: list[str] = []  # what was asked for and what was heard, in order
        self.utterances: list[FakeUtterance] = []
        self.hints: list[str] = []  # about who speaks to it
        self.closed = False
        self.writable = asyncio.Event()
        self.writable.set()
        self.answers = True  # whether an interrupt is answered
        self._budget_ms = plays_ms
        self._timeline: deque[tuple[str, FakeUtterance | str, int]] = deque()
        self._queues: list[asyncio.Queue[Event | Exception | None]] = []
        self._session_ms = 0

    def utterance(
        self, sample_rate: int = 24_000, channels: int = 1, encoding: str = "pcm_s16le", id: str | None = None
    ) -> FakeUtterance:
        assert id is not None and id not in [each.id for each in self.utterances], f"{id} was used before"
        return FakeUtterance(self, id, sample_rate, channels)

    async def mark(self, id: str) -> bool:
        self.put(("mark", id, 0))
        return True

    def listening(self, state: str) -> None:
        self.hints.append(state)

    def listen_to(self, pcm: bytes, sample_rate: int = 16_000, channels: int = 1) -> None:
        self.hints.append(f"{len(pcm)} bytes at {sample_rate} x {channels}")

    async def interrupt(self) -> Interrupted:
        self.log.append("interrupt")
        if not self.answers:
            await asyncio.Event().wait()
        return self.cut()

    def cut(self) -> Interrupted:
        """Drop everything, as an interrupt by anybody does."""
        self._timeline.clear()
        played = next((each for each in self.utterances if not each.finished), None)
        for each in self.utterances:
            if not each.finished:
                self._finish(each, True)
        event = Interrupted(played.id if played else None, played.played_ms if played else 0, self._session_ms)
        self.tell(event)
        return event

    async def aclose(self) -> None:
        self.closed = True
        self._tell(None)

    def end_session(self) -> None:
        self._tell(SessionEnded("session_over", "The session has ended."))

    def hear(self, ms: int) -> None:
        """Play so much more."""
        self._budget_ms += ms
        self._play()

    def put(self, item: tuple[str, FakeUtterance | str, int]) -> None:
        self._timeline.append(item)
        self._play()

    def tell(self, event: Event) -> None:
        self._tell(event)

    def __aiter__(self) -> AsyncIterator[Event]:
        queue: asyncio.Queue[Event | Exception | None] = asyncio.Queue()
        self._queues.append(queue)
        return self._iterate(queue)

    async def _iterate(self, queue: asyncio.Queue[Event | Exception | None]) -> AsyncIterator[Event]:
        while (event := await queue.get()) is not None:
            if isinstance(event, Exception):
                raise event
            yield event

    def _tell(self, event: Event | Exception | None) -> None:
        for queue in self._queues:
            queue.put_nowait(event)

    def _play(self) -> None:
        while self._timeline:
            kind, what, ms = self._timeline[0]
            if isinstance(what, str):
                self.log.append(f"passed {what}")
                self._tell(MarkReached(what))
            elif kind == "end":
                self._finish(what, False)
            else:
                if not self._budget_ms:
                    return
                if not what.played_ms:
                    self._tell(SpeakingStarted(what.id))
                now_ms = min(ms, self._budget_ms)
                what.played_ms += now_ms
                self._session_ms += now_ms
                self._budget_ms -= now_ms
                if now_ms < ms:
                    self._timeline[0] = (kind, what, ms - now_ms)
                    return
            self._timeline.popleft()

    def _finish(self, utterance: FakeUtterance, interrupted: bool) -> None:
        utterance.finished, utterance.interrupted = True, interrupted
        self.log.append(f"finished {utterance.id} {utterance.played_ms}{' cut' if interrupted else ''}")
        self._tell(SpeakingFinished(utterance.id, utterance.played_ms, interrupted))
