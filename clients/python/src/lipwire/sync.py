"""The client for programs without an event loop: the same names, and nothing to await.

::

    with lipwire.sync.connect() as face:
        print(face.watch_url)
        with face.utterance(sample_rate=24_000) as utterance:
            for pcm in sound:
                utterance.send(pcm)
        print(utterance.played())

A thread with an event loop does the work. Every object may be used from any thread.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import lipwire
from lipwire.connecting import SessionOptions
from lipwire.errors import SessionEnded
from lipwire.events import Event, Interrupted
from lipwire.mood import AnyMood, Hint, MoodName
from lipwire.pcm import Encoding, PcmFormat
from lipwire.speech import Played

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Face", "Utterance", "connect"]

T = TypeVar("T")

GOODBYE_S = 1.0  # for whoever still waits when a face is closed


class _Loop:
    """An event loop in a thread of its own; :meth:`stop` ends it. Of a process that ends it waits for nothing."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._stopping = False
        self._lock = threading.Lock()  # so that nothing is asked of a loop that stops
        self._thread = threading.Thread(target=self._loop.run_forever, name="lipwire", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Wait for a coroutine's result; raises TimeoutError where it takes longer."""
        with self._lock:
            if self._stopping:
                work.close()
                raise _left()
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(timeout)
        except concurrent.futures.CancelledError:
            raise _left() from None
        except concurrent.futures.TimeoutError:
            if future.done():
                raise
            future.cancel()
            raise TimeoutError(f"not within {timeout} s") from None
        except BaseException:
            future.cancel()  # Control-C ends the waiting alone otherwise
            raise

    def call(self, function: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """Call a function there."""

        async def work() -> T:
            return function(*arguments, **options)

        return self.run(work())

    def stop(self) -> None:
        """End, once everybody who waits has been told; again is fine."""
        with self._lock:
            if self._stopping:
                return
            self._stopping = True
            last = asyncio.run_coroutine_threadsafe(_finish_others(), self._loop)
        last.result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _left() -> SessionEnded:
    return SessionEnded("closed", "This client has left the session.")


async def _finish_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        _, late = await asyncio.wait(others, timeout=GOODBYE_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


def _events(events: AsyncIterator[Event], loop: _Loop) -> Iterator[Event]:
    async def following() -> Event | None:
        return await anext(events, None)

    while True:
        try:
            event = loop.run(following())
        except SessionEnded as error:
            if error.code == "closed":
                return
            raise
        if event is None:
            return
        yield event


def connect(
    url: str | None = None,
    *,
    token: str | None = None,
    session: str | None = None,
    feed_token: str | None = None,
    keep: bool = False,
    reconnect_for: float = 30.0,
    **options: Unpack[SessionOptions],
) -> Face:
    """Do what :class:`lipwire.connect` does; close what it returns, or use it in ``with``."""
    loop = _Loop()
    try:
        connecting = lipwire.connect(
            url,
            token=token,
            session=session,
            feed_token=feed_token,
            keep=keep,
            reconnect_for=reconnect_for,
            **options,
        )

        async def work() -> lipwire.Face:
            return await connecting

        return Face(loop.run(work()), loop)
    except BaseException:
        loop.stop()
        raise


class Utterance:
    """See :class:`lipwire.Utterance`."""

    def __init__(self, utterance: lipwire.Utterance, loop: _Loop) -> None:
        self._utterance, self._loop = utterance, loop

    @property
    def id(self) -> str:
        """What events call it."""
        return self._utterance.id

    @property
    def format(self) -> PcmFormat:
        """Of the sound that :meth:`send` takes."""
        return self._utterance.format

    @property
    def sent_ms(self) -> int:
        """How much sound was sent."""
        return self._utterance.sent_ms

    @property
    def interrupted(self) -> bool:
        """Whether it was cut, or is about to be."""
        return self._utterance.interrupted

    @property
    def done(self) -> bool:
        """Whether it has played or was cut."""
        return self._utterance.done

    def begin(self) -> None:
        """Begin, and end an utterance before it that is still open. Again is fine."""
        self._loop.call(self._utterance.begin)

    def send(self, pcm: bytes | bytearray | memoryview) -> None:
        """Send sound; waits while the server is full."""
        self._loop.run(self._utterance.send(pcm))

    def end(self) -> None:
        """Say that nothing follows. Again is fine."""
        self._loop.run(self._utterance.end())

    def played(self, timeout: float | None = None) -> Played:
        """Wait until it has played or was cut, for ``timeout`` seconds at most.

        Raises:
            TimeoutError: then; it goes on.
        """
        return self._loop.run(self._utterance.played(), timeout)

    def __enter__(self) -> Utterance:
        self._loop.run(self._utterance.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.run(self._utterance.__aexit__(kind, error, trace))


class Face:
    """See :class:`lipwire.Face`."""

    def __init__(self, face: lipwire.Face, loop: _Loop) -> None:
        self._face, self._loop = face, loop
        self._closed = False

    @property
    def id(self) -> str:
        """The session's."""
        return self._face.id

    @property
    def width(self) -> int:
        """Of the picture, in pixels."""
        return self._face.width

    @property
    def height(self) -> int:
        """Of the picture, in pixels."""
        return self._face.height

    @property
    def feed_token(self) -> str:
        """With which somebody else may feed this session, later."""
        return self._face.feed_token

    @property
    def view_token(self) -> str | None:
        """With which a browser may watch."""
        return self._face.view_token

    @property
    def watch_url(self) -> str:
        """A page that shows the face."""
        return self._face.watch_url

    @property
    def whep_url(self) -> str:
        """Where a WHEP player offers."""
        return self._face.whep_url

    @property
    def recording_url(self) -> str:
        """Where the MP4 of a session that was made with ``record=True`` is."""
        return self._face.recording_url

    @property
    def played_ms(self) -> int:
        """How much sound the session has played."""
        return self._face.played_ms

    @property
    def viewers(self) -> int:
        """How many watch."""
        return self._face.viewers

    @property
    def connected(self) -> bool:
        """Whether the server can be reached at the moment."""
        return self._face.connected

    def utterance(
        self,
        sample_rate: int = 24_000,
        channels: int = 1,
        encoding: Encoding = "pcm_s16le",
        id: str | None = None,
        mood: AnyMood | None = None,
    ) -> Utterance:
        """Prepare an utterance; it begins with ``with``, :meth:`Utterance.begin` or its first sound."""
        made = self._loop.call(self._face.utterance, sample_rate, channels, encoding, id, mood)
        return Utterance(made, self._loop)

    def say(self, text: str, voice: str | None = None, id: str | None = None, mood: AnyMood | None = None) -> Utterance:
        """Let the server speak a text."""
        return Utterance(self._loop.run(self._face.say(text, voice, id, mood)), self._loop)

    def mood(self, name: MoodName, strength: float = 1.0) -> None:
        """Let the face go over into a mood now."""
        self._loop.run(self._face.mood(name, strength))

    def listening(self, state: Hint) -> None:
        """Let the face show that somebody begins or ends to speak to it, or nod."""
        self._loop.call(self._face.listening, state)

    def listen_to(self, pcm: bytes | bytearray | memoryview, sample_rate: int = 16_000, channels: int = 1) -> None:
        """Let the face listen to somebody's 16-bit sound, as it comes."""
        self._loop.call(self._face.listen_to, pcm, sample_rate, channels)

    def interrupt(self) -> Interrupted:
        """Drop all that has not played."""
        return self._loop.run(self._face.interrupt())

    def mark(self, id: str, timeout: float | None = None) -> bool:
        """Wait until everything sent so far has played; returns False when an interrupt came before."""
        return self._loop.run(self._face.mark(id), timeout)

    def wait_for_viewer(self, timeout: float | None = None) -> None:
        """Return when somebody watches."""
        self._loop.run(self._face.wait_for_viewer(), timeout)

    def view_token_for(self, ttl_s: float = 3600) -> str:
        """Mint a token for one more viewer."""
        return self._loop.run(self._face.view_token_for(ttl_s))

    def __iter__(self) -> Iterator[Event]:
        """Iterate over what happens from now on; ends with :meth:`close`."""
        events = self._loop.call(self._face.__aiter__)
        return _events(events, self._loop)

    def close(self) -> None:
        """Leave, as :meth:`lipwire.Face.aclose` does. Again is fine."""
        if not self._closed:
            self._closed = True
            self._loop.run(self._face.aclose())
            self._loop.stop()

    def __enter__(self) -> Face:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
