"""What goes from a framework to a face, and what comes back: the values, and what is asked of a face."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from lipwire.events import Event, Interrupted


class Utterance(Protocol):
    """What a speaker needs of the client's utterances."""

    def begin(self) -> None:
        """Begin it."""

    async def send(self, pcm: bytes) -> None:
        """Send sound; wait while the server is full."""

    async def end(self) -> None:
        """Flush it."""


class Face(Protocol):
    """What a speaker needs of the client's face."""

    def utterance(
        self, *, sample_rate: int, channels: int, encoding: Literal["pcm_s16le"], id: str | None
    ) -> Utterance:
        """Make an utterance."""

    async def interrupt(self) -> Interrupted:
        """Drop all that has not played."""

    async def mark(self, id: str) -> Any:
        """Return once everything sent before has played."""

    def __aiter__(self) -> AsyncIterator[Event]:
        """Iterate over what happens."""


@dataclass(eq=False)
class Spoken:
    """One utterance on its way, and what was heard of it."""

    id: str
    sample_rate: int = 0  # 0: somebody else's, whose sound is not known here
    channels: int = 1
    interruptible: bool = True
    asked: str | None = None  # the name that was asked for
    given_bytes: int = 0
    started: bool = False  # its first sound has left for the viewers
    finished: bool = False
    played_ms: int = 0
    interrupted: bool = False

    @property
    def given_ms(self) -> int:
        """How long all is that was given for it (16-bit samples)."""
        return self.given_bytes * 1000 // (2 * self.channels * self.sample_rate) if self.sample_rate else 0


@dataclass(eq=False)
class Mark:
    """A place between sounds; ``passed`` once all before it was heard."""

    id: str
    passed: bool = False


@dataclass(frozen=True)
class Listener:
    """Who is told what was heard, in order."""

    started: Callable[[Spoken], Awaitable[None]]
    finished: Callable[[Spoken], Awaitable[None]]
    passed: Callable[[], Awaitable[None]]  # some mark was
    lost: Callable[[Exception | None], Awaitable[None]]  # the session is over; None: it ended as it should
