"""A face that is fed: one session, as whoever sends its voice sees it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import secrets
from collections.abc import AsyncIterator
from types import TracebackType

from lipwire.errors import LipwireError, NotFound, SessionEnded
from lipwire.events import Event, Interrupted, Viewers
from lipwire.feed import Feed
from lipwire.items import Listen
from lipwire.link import Link
from lipwire.loudness import Loudness
from lipwire.management import Management
from lipwire.mood import HINTS, AnyMood, Hint, Mood, MoodName, mood_of
from lipwire.pcm import Encoding, PcmFormat
from lipwire.speech import Speech
from lipwire.subscription import Subscribers
from lipwire.utterance import Utterance

logger = logging.getLogger("lipwire")

LONGEST_ID = 100  # the server takes 128, and an utterance that goes on after a loss gets a longer one
LEVELS_AT_ONCE, LEVELS_AT_MOST = 5, 50  # in a message about somebody who is listened to
STUCK_S = 0.5  # for which an interrupt may wait behind sound that a full server does not read


class Face:
    """What :func:`lipwire.connect` gives.

    Utterances are said one after the other, in the order in which they begin. A lost connection is made again by
    itself, and what was sent meanwhile follows; when it cannot be, or the session ends, everything that waits raises
    why.
    """

    def __init__(
        self,
        size: tuple[int, int],
        feed: Feed,
        link: Link,
        subscribers: Subscribers,
        management: Management,
        deletes: bool,
    ) -> None:
        self._size, self._feed, self._link = size, feed, link
        self._subscribers, self._management, self._deletes = subscribers, management, deletes
        self._prefix = secrets.token_hex(3)  # so that the utterances of who fed it before have other names
        self._numbers = itertools.count(1)
        self._closing: asyncio.Task[None] | None = None
        self._loudness: Loudness | None = None  # of whom it listens to
        self._levels: list[float] = []  # that were not sent yet, fewer than LEVELS_AT_ONCE

    def __repr__(self) -> str:
        return f"<Face of session {self.id}, {'connected' if self.connected else 'not connected'}>"

    @property
    def id(self) -> str:
        """The session's.

        Where the server is one of many machines, the session may come to live on another (:class:`lipwire.Moved`), and
        this is another reference then. What stands before its dot stays.
        """
        return self._link.admission.id

    @property
    def width(self) -> int:
        """Of the picture, in pixels."""
        return self._size[0]

    @property
    def height(self) -> int:
        """Of the picture, in pixels."""
        return self._size[1]

    @property
    def feed_token(self) -> str:
        """With which somebody else may feed this session, once this client has left."""
        return self._link.admission.feed_token

    @property
    def view_token(self) -> str | None:
        """With which a browser may watch; None in a session made elsewhere, without an API key here."""
        return self._link.admission.view_token

    @property
    def watch_url(self) -> str:
        """A page that shows the face, with the token behind ``#``, where there is one."""
        return self._link.admission.watch_url

    @property
    def whep_url(self) -> str:
        """Where a WHEP player offers, with the view token as Bearer."""
        return self._link.admission.whep_url

    @property
    def recording_url(self) -> str:
        """Where the MP4 of a session that was made with ``record=True`` is, also after its end; wants the API key."""
        return f"{self._management.url}/api/sessions/{self.id}/recording"

    @property
    def played_ms(self) -> int:
        """How much sound the session has played, as far as the server has told."""
        return self._feed.played_ms

    @property
    def viewers(self) -> int:
        """How many watch, as far as the server has told."""
        return self._feed.viewers

    @property
    def connected(self) -> bool:
        """Whether the server can be reached at the moment."""
        return self._link.connected

    def utterance(
        self,
        sample_rate: int = 24_000,
        channels: int = 1,
        encoding: Encoding = "pcm_s16le",
        id: str | None = None,
        mood: AnyMood | None = None,
    ) -> Utterance:
        """Prepare an utterance; it begins with ``async with``, :meth:`Utterance.begin` or its first sound.

        ``mood``: that the face goes over into with its first sound, and stays in.

        Raises:
            ValueError: for sound that the server does not take, an ``id`` that is too long or was used before, or an
                unknown ``mood``.
        """
        return Utterance(self._feed, self._speech(PcmFormat(sample_rate, channels, encoding), id, mood))

    async def say(
        self, text: str, voice: str | None = None, id: str | None = None, mood: AnyMood | None = None
    ) -> Utterance:
        """Let the server speak a text, behind all that was sent; an utterance that is open ends.

        ``mood``: that the face goes over into with its first word, and stays in.

        Raises:
            ValueError: for an ``id`` that is too long or was used before, or an unknown ``mood``.
            LipwireError: when the session is over.
        """
        speech = self._speech(PcmFormat(), id, mood)
        await self._feed.wait_for_room()
        self._feed.say(speech, text, voice)
        return Utterance(self._feed, speech)

    async def mood(self, name: MoodName, strength: float = 1.0) -> None:
        """Let the face go over into a mood now, within half a second, whatever it does; it stays in it.

        An older server ends the session at this.

        Raises:
            ValueError: for an unknown name, or a strength outside 0…1.
            LipwireError: when the session is over.
        """
        mood = Mood(name, strength)
        await self._feed.outbox.wait_for_room()
        self._feed.feel(mood)

    def listening(self, state: Hint) -> None:
        """Let the face show that somebody begins (``"begin"``) or ends (``"end"``) to speak to it, or ``"nod"``.

        Never waits: a hint that cannot be sent now is dropped.

        Raises:
            ValueError: for another ``state``.
        """
        if state not in HINTS:
            raise ValueError(f"state is one of {', '.join(HINTS)}, not {state!r}")
        if self.connected:
            self._feed.listen(Listen(state))

    def listen_to(self, pcm: bytes | bytearray | memoryview, sample_rate: int = 16_000, channels: int = 1) -> None:
        """Let the face listen to somebody's 16-bit sound, as it comes: it attends, and nods where phrases end.

        How loud it is is sent, five times a second, and not the sound. Never waits: what cannot be sent now is dropped.

        Raises:
            ValueError: for sound that is not 8 to 96 kHz, mono or stereo.
        """
        if self._loudness is None or self._loudness.format != (sample_rate, channels):
            PcmFormat(sample_rate, channels)
            self._loudness = Loudness(sample_rate, channels)
        self._levels += self._loudness.levels(bytes(pcm))
        while len(self._levels) >= LEVELS_AT_ONCE:
            levels = tuple(self._levels[:LEVELS_AT_MOST])
            del self._levels[:LEVELS_AT_MOST]
            if self.connected:
                self._feed.listen(Listen(levels=levels))

    async def interrupt(self) -> Interrupted:
        """Drop all that has not played, what was not sent yet included; returns when the server has.

        Raises:
            LipwireError: when the session is over.
        """
        self._feed.outbox.require_life()
        answer = self._feed.interrupt()
        await asyncio.wait({answer}, timeout=STUCK_S)
        if not answer.done() and self.connected:
            # the server holds so much sound that it does not read the message behind it
            with contextlib.suppress(LipwireError):  # who may only feed waits
                await self._management.interrupt(self.id)
        return await asyncio.shield(answer)

    async def mark(self, id: str) -> bool:
        """Wait until everything sent so far has played; returns False when an interrupt came before.

        Raises:
            ValueError: for an ``id`` that is too long.
            LipwireError: when the session is over before.
        """
        _require_short(id)
        await self._feed.wait_for_room()
        return await asyncio.shield(self._feed.mark(id))

    async def wait_for_viewer(self) -> None:
        """Return when somebody watches.

        Raises:
            LipwireError: when the session is over before.
        """
        events = self._subscribers.listen()
        try:
            watched = self.viewers > 0
            while not watched:
                event = await anext(events)
                watched = isinstance(event, Viewers) and event.count > 0
        except StopAsyncIteration:
            raise _left() from None
        finally:
            events.end()

    async def view_token_for(self, ttl_s: float = 3600) -> str:
        """Mint a token for one more viewer; needs the API key where the server wants one.

        Raises:
            LipwireError: :class:`Unauthorized` without it.
        """
        return await self._management.make_token(self.id, "view", ttl_s)

    def __aiter__(self) -> AsyncIterator[Event]:
        """Iterate over what happens from now on; any number of iterators, each sees all of it.

        An iterator ends with :meth:`aclose`, and raises what ended the session otherwise. One that is left behind loses
        all but the newest :class:`Stats`; past 4096 other events it raises :class:`NotReading`.
        """
        return self._subscribers.listen()

    async def aclose(self) -> None:
        """Leave; a session that :func:`lipwire.connect` made is deleted, unless it was to be kept. Again is fine.

        What was sent is written first, but nothing waits until it has played: that is what :meth:`Utterance.played` is
        for.
        """
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await self._link.aclose()
        self._feed.fail(_left())
        self._subscribers.end(None)
        try:
            if self._deletes:
                await self._management.end_session(self.id)
        except NotFound:
            pass  # it is over
        except LipwireError as error:
            logger.warning("the session could not be deleted, and ends when it has been idle: %s", error)
        finally:
            await self._management.aclose()

    async def __aenter__(self) -> Face:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _speech(self, format: PcmFormat, id: str | None, mood: AnyMood | None) -> Speech:
        name = f"{self._prefix}-{next(self._numbers)}" if id is None else id
        _require_short(name)
        feeling = None if mood is None else mood_of(mood)
        self._feed.reserve(name)
        return Speech(name, format, feeling)


def _require_short(id: str) -> None:
    if not 0 < len(id) <= LONGEST_ID:
        raise ValueError(f"an id has 1 to {LONGEST_ID} characters")


def _left() -> SessionEnded:
    return SessionEnded("closed", "This client has left the session.")
