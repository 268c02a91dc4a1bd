"""One thing that the face says."""

from __future__ import annotations

from types import TracebackType

from lipwire.feed import Feed
from lipwire.pcm import PcmFormat
from lipwire.speech import Played, Speech

__all__ = ["Played", "Utterance"]

PIECE_BYTES = 32 * 1024  # in one message


class Utterance:
    """``async with face.utterance() as u``: begins where the block begins, and is flushed where it ends.

    A block that is left by an exception, a cancellation among them, interrupts: the voice stops, and the exception goes
    on. Without ``async with``: :meth:`begin` (or the first :meth:`send`), then :meth:`end`. :meth:`Face.utterance` and
    :meth:`Face.say` make them.
    """

    def __init__(self, feed: Feed, speech: Speech) -> None:
        self._feed, self._speech = feed, speech
        self._rest = b""  # of a sample that is not whole yet

    def __repr__(self) -> str:
        return f"<Utterance {self.id!r}, {self.sent_ms} ms sent>"

    @property
    def id(self) -> str:
        """What events call it."""
        return self._speech.id

    @property
    def format(self) -> PcmFormat:
        """Of the sound that :meth:`send` takes."""
        return self._speech.format

    @property
    def sent_ms(self) -> int:
        """How much sound was sent."""
        return self.format.duration_ms(self._speech.sent)

    @property
    def interrupted(self) -> bool:
        """Whether it was cut, by anybody, or is about to be."""
        return self._speech.cut

    @property
    def done(self) -> bool:
        """Whether it has played or was cut: :meth:`played` returns at once."""
        return self._speech.over

    def begin(self) -> None:
        """Begin, and end an utterance before it that is still open; never waits. Again is fine."""
        self._feed.outbox.require_life()
        if not self._speech.begun:
            self._feed.begin(self._speech)

    async def send(self, pcm: bytes | bytearray | memoryview) -> None:
        """Send sound of any number of bytes; waits while the server is full, or out of reach.

        Of an utterance that was interrupted the sound is dropped, silently, so that a text-to-speech loop may run out.

        Raises:
            RuntimeError: after :meth:`end`, or after another utterance began.
            LipwireError: when the session is over, or the server cannot be reached again.
        """
        self.begin()
        data = self._rest + bytes(pcm)
        whole = len(data) - len(data) % self.format.sample_bytes
        for start in range(0, whole, PIECE_BYTES):
            if self._speech.cut:
                return
            await self._feed.wait_for_room()
            self._require_open()
            self._feed.sound(self._speech, data[start : min(start + PIECE_BYTES, whole)])
        self._require_open()
        self._rest = data[whole:]

    async def end(self) -> None:
        """Say that nothing follows, so that its tail is drawn now; part of a sample is dropped. Again is fine."""
        self.begin()
        self._feed.end(self._speech)
        await self._feed.wait_for_room()

    async def played(self) -> Played:
        """Wait until it has played or was cut; any number of callers.

        Raises:
            LipwireError: when the session is over before, or a text could not be spoken.
        """
        return await self._speech.played()

    def _require_open(self) -> None:
        if self._speech.ended and not self._speech.cut:
            raise RuntimeError(f"utterance {self.id!r} has ended; begin another")

    async def __aenter__(self) -> Utterance:
        await self._feed.wait_for_room()
        self.begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self.end()
        elif not self.done:
            self._feed.interrupt()  # at once, and sent by itself: whoever was cancelled does not wait
            self._feed.end(self._speech)
