"""The way from a framework's synthesised voice to a face, and back: what was heard of it."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from lipwire._spoken import Face, Listener, Mark, Spoken, Utterance
from lipwire.events import Event, Interrupted, MarkReached, SpeakingFinished, SpeakingStarted

INTERRUPT_TIMEOUT_S = 2.0
SOUND_AHEAD = 64  # messages of sound that may wait to be sent
NAMES_KEPT = 4096  # of utterances, so that none is given twice
NAME_LENGTH = 80  # of a name that was asked for; the rest is cut off


@dataclass(frozen=True)
class _Begin:
    spoken: Spoken


class _End:
    pass


_Order = _Begin | _End | bytes | Mark


class Speaker:
    """Puts utterances onto a face in order, and tells what was heard of each.

    Orders are taken at once and sent by one task: they may come from code that cannot wait, and an interrupt overtakes
    them. Bound: :meth:`room` waits while ``SOUND_AHEAD`` messages of sound wait to be sent; beginnings, ends and marks
    come on top, at most one of each for every message of sound. Each utterance finishes once.
    """

    def __init__(self, face: Face, listener: Listener) -> None:
        self._face, self._listener = face, listener
        self._outstanding: dict[str, Spoken] = {}  # by their names, in order; none of them has finished
        self._open: Spoken | None = None
        self._orders: deque[_Order] = deque()
        self._last_mark: Mark | None = None  # nothing was ordered after it
        self._marks: deque[Mark] = deque()  # ordered and not passed
        self._numbers, self._mark_numbers = itertools.count(1), itertools.count(1)
        self._names: deque[str] = deque(maxlen=NAMES_KEPT)
        self._pulse = asyncio.Event()  # set, and replaced, at every change
        self._cuts: list[Interrupted] = []  # heard of while an interrupt waits for its own
        self._interrupting = False
        self._over = False
        self._reader: asyncio.Task[None] | None = None
        self._writer: asyncio.Task[None] | None = None
        self._senders: set[asyncio.Task[Any]] = set()

    def start(self) -> None:
        """Begin to send and to listen."""
        # from here on, not from when the task gets its turn
        self._reader = asyncio.create_task(self._read(aiter(self._face)), name="lipwire speaker: what is heard")
        self._writer = asyncio.create_task(self._write(), name="lipwire speaker: what is sent")

    async def aclose(self) -> None:
        """Stop, and tell of what has not finished as interrupted. The face itself stays open."""
        self._over = True
        tasks = [each for each in (self._reader, self._writer, *self._senders) if each is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._finish_rest()

    @property
    def open(self) -> Spoken | None:
        """The utterance that further sound belongs to."""
        return self._open

    @property
    def over(self) -> bool:
        """Whether the face is gone, or this was closed: nothing is sent any more."""
        return self._over

    @property
    def idle(self) -> bool:
        """Whether all that was ordered has been heard."""
        return self._over or not (self._outstanding or self._orders)

    @property
    def outstanding(self) -> tuple[Spoken, ...]:
        """What has not finished, in order."""
        return tuple(self._outstanding.values())

    @property
    def interrupting(self) -> bool:
        """Whether what finishes now does so as it was asked to."""
        return self._interrupting

    def begin(self, id: str | None, sample_rate: int, channels: int, interruptible: bool = True) -> Spoken:
        """Begin an utterance of 16-bit samples and end the one before.

        It is called ``id``, with a number behind it if there was one of that name before.
        """
        self.end()
        number = next(self._numbers)
        name = id[:NAME_LENGTH] if id else f"speech-{number}"
        if name in self._names:
            name = f"{name}.{number}"
        self._names.append(name)
        self._open = Spoken(name, sample_rate, channels, interruptible, id)
        if not self._over:
            self._outstanding[name] = self._open
        self._order(_Begin(self._open))
        return self._open

    def sound(self, pcm: bytes) -> None:
        """Go on with the open utterance; await :meth:`room` first. One that was cut from outside takes no more."""
        assert self._open is not None, "begin() comes before sound()"
        if pcm and not self._open.finished:
            self._open.given_bytes += len(pcm)
            self._order(pcm)

    def end(self) -> None:
        """End the open utterance, if there is one."""
        if self._open is not None:
            self._open = None
            self._order(_End())

    def mark(self) -> Mark:
        """Mark this place; twice without an order between gives the same mark."""
        if self._last_mark is None or self._last_mark.passed:
            mark = Mark(f"mark-{next(self._mark_numbers)}")
            self._order(mark)
            self._marks.append(mark)
            self._last_mark = mark
        return self._last_mark

    async def room(self) -> None:
        """Wait until sound may be ordered."""
        await self._until(lambda: sum(isinstance(each, bytes) for each in self._orders) < SOUND_AHEAD)

    async def wait_idle(self) -> None:
        """Wait until all that was ordered has been heard."""
        await self._until(lambda: self.idle)

    async def interrupt(self) -> None:
        """Drop all that was not heard. On return everything has finished and :class:`Listener` knows."""
        nothing = self.idle or self._interrupting
        self._orders.clear()
        self._marks.clear()
        self._open = self._last_mark = None
        if nothing:
            return
        self._interrupting = True
        try:
            await self._stop_writing()
            await asyncio.wait_for(self._cut(), INTERRUPT_TIMEOUT_S)
        except Exception:
            pass  # a face that is lost, or does not answer in time: nothing more of it is counted as heard
        finally:
            self._cuts.clear()
            await self._finish_rest()
            self._interrupting = False
            if not self._over:
                self._writer = asyncio.create_task(self._write(), name="lipwire speaker: what is sent")

    async def _cut(self) -> None:
        answer = await self._face.interrupt()
        await self._until(lambda: answer in self._cuts)  # what it cut was told before

    def _order(self, order: _Order) -> None:
        if self._over:
            return
        self._last_mark = None
        self._orders.append(order)
        self._wake()

    def _wake(self) -> None:
        self._pulse.set()
        self._pulse = asyncio.Event()

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._senders.add(task)
        task.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[Any]) -> None:
        self._senders.discard(task)
        if not task.cancelled():
            task.exception()  # a mark that was dropped, or a face that was lost, which the reader tells of

    async def _until(self, met: Callable[[], bool]) -> None:
        while not (self._over or met()):
            await self._pulse.wait()

    async def _stop_writing(self) -> None:
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)

    async def _write(self) -> None:
        try:
            await self._carry_out()
        except Exception as error:
            await self._lose(error)

    async def _carry_out(self) -> None:
        utterance: Utterance | None = None
        while True:
            await self._until(lambda: bool(self._orders))
            if self._over:
                return
            order = self._orders.popleft()
            if isinstance(order, _Begin):
                spoken = order.spoken
                utterance = self._face.utterance(
                    sample_rate=spoken.sample_rate, channels=spoken.channels, encoding="pcm_s16le", id=spoken.id
                )
                utterance.begin()
            elif isinstance(order, _End) and utterance is not None:
                await utterance.end()
                utterance = None
            elif isinstance(order, bytes) and utterance is not None:
                try:
                    await utterance.send(order)
                except RuntimeError:
                    utterance = None  # whoever else speaks with this face has begun something: the rest is not said
            elif isinstance(order, Mark):
                self._keep(asyncio.create_task(self._face.mark(order.id)))
                await asyncio.sleep(0)  # its message goes before the next order's
            self._wake()

    async def _read(self, events: AsyncIterator[Event]) -> None:
        error: Exception | None = None
        try:
            async for event in events:
                await self._hear(event)
        except Exception as lost:
            error = lost
        await self._lose(error)

    async def _lose(self, error: Exception | None) -> None:
        if not self._over:
            self._over = True
            await self._finish_rest()
            await self._listener.lost(error)

    async def _hear(self, event: Event) -> None:
        if isinstance(event, SpeakingStarted):
            spoken = self._outstanding.setdefault(event.utterance, Spoken(event.utterance))
            spoken.started = True
            await self._listener.started(spoken)
        elif isinstance(event, SpeakingFinished) and event.utterance in self._outstanding:
            await self._finish(self._outstanding[event.utterance], event.played_ms, event.interrupted)
        elif isinstance(event, MarkReached) and any(mark.id == event.id for mark in self._marks):
            while self._marks[0].id != event.id:
                self._marks.popleft().passed = True
            self._marks.popleft().passed = True
            await self._listener.passed()
        elif isinstance(event, Interrupted) and self._interrupting:
            self._cuts.append(event)
        else:
            return
        self._wake()

    async def _finish(self, spoken: Spoken, played_ms: int, interrupted: bool) -> None:
        del self._outstanding[spoken.id]
        spoken.finished, spoken.played_ms, spoken.interrupted = True, played_ms, interrupted
        await self._listener.finished(spoken)

    async def _finish_rest(self) -> None:
        for spoken in list(self._outstanding.values()):
            await self._finish(spoken, 0, True)
        self._wake()
