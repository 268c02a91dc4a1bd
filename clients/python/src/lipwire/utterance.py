"""One thing that the face says."""

from __future__ import annotations

from types import TracebackType
from typing import NamedTuple

from lipwire.pcm import PcmFormat


class Played(NamedTuple):
    """How an utterance ended. ``played_ms``: how much of it viewers were sent. ``interrupted``: whether it was cut."""

    played_ms: int
    interrupted: bool


class Utterance:
    """``async with face.utterance() as u``: begins where the block begins, and is flushed where it ends.

    A block that is left by an exception, a cancellation among them, interrupts: the voice stops, and the exception goes
    on. Without ``async with``: :meth:`begin` (or the first :meth:`send`), then :meth:`end`.
    """

    id: str
    format: PcmFormat

    @property
    def sent_ms(self) -> int:
        """How much sound was given to :meth:`send`."""
        raise NotImplementedError

    @property
    def interrupted(self) -> bool:
        """Whether it was cut, by anybody."""
        raise NotImplementedError

    @property
    def done(self) -> bool:
        """Whether it has played or was cut: :meth:`played` returns at once."""
        raise NotImplementedError

    def begin(self) -> None:
        """Begin, and end an utterance before it that is still open; never waits. Again is fine."""
        raise NotImplementedError

    async def send(self, pcm: bytes | bytearray | memoryview) -> None:
        """Send sound of any number of bytes; waits while the server is full, or out of reach.

        Of an utterance that was interrupted the sound is dropped, silently, so that a text-to-speech loop may run out.

        Raises:
            RuntimeError: after :meth:`end`, or after another utterance began.
            LipwireError: when the session is over, or the server cannot be reached again.
        """
        raise NotImplementedError

    async def end(self) -> None:
        """Say that nothing follows, so that its tail is drawn now; waits until that is sent. Again is fine."""
        raise NotImplementedError

    async def played(self) -> Played:
        """Wait until it has played or was cut; any number of callers.

        Raises:
            LipwireError: when the session is over before.
        """
        raise NotImplementedError

    async def __aenter__(self) -> Utterance:
        raise NotImplementedError

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        raise NotImplementedError
