"""A face that is fed: one session, as whoever sends its voice sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import TracebackType

from lipwire.events import Event, Interrupted
from lipwire.pcm import Encoding
from lipwire.utterance import Utterance


class Face:
    """What :func:`lipwire.connect` gives.

    Utterances are said one after the other, in the order in which they begin. A lost connection is made again by
    itself, and what was sent meanwhile follows; when it cannot be, or the session ends, everything that waits raises
    why.
    """

    id: str
    """The session's."""
    width: int
    """Of the picture, in pixels."""
    height: int
    feed_token: str
    """With which somebody else may feed this session, once this client has left."""
    view_token: str | None
    """With which a browser may watch; None in a session made elsewhere without an API key."""
    watch_url: str
    """A page that shows the face. Its token stands behind ``#``; without a token the page asks for one."""
    whep_url: str
    """Where a WHEP player offers."""

    @property
    def played_ms(self) -> int:
        """How much sound the session has played, as far as the server has told."""
        raise NotImplementedError

    @property
    def viewers(self) -> int:
        """How many watch, as far as the server has told."""
        raise NotImplementedError

    @property
    def connected(self) -> bool:
        """Whether the server can be reached at the moment."""
        raise NotImplementedError

    def utterance(
        self, sample_rate: int = 24_000, channels: int = 1, encoding: Encoding = "pcm_s16le", id: str | None = None
    ) -> Utterance:
        """Prepare an utterance; it begins with ``async with``, :meth:`Utterance.begin` or its first sound.

        Raises:
            ValueError: for sound that the server does not take, or an ``id`` that was used before.
        """
        raise NotImplementedError

    async def say(self, text: str, voice: str | None = None, id: str | None = None) -> Utterance:
        """Let the server speak a text, behind all that was sent; returns when that is sent."""
        raise NotImplementedError

    async def interrupt(self) -> Interrupted:
        """Drop all that has not played, what was not sent yet included; returns when the server has."""
        raise NotImplementedError

    async def mark(self, id: str) -> bool:
        """Wait until everything sent so far has played; returns False when an interrupt came before."""
        raise NotImplementedError

    async def wait_for_viewer(self) -> None:
        """Return when somebody watches."""
        raise NotImplementedError

    async def view_token_for(self, ttl_s: int = 3600) -> str:
        """Mint a token for one more viewer (``POST /api/sessions/{id}/tokens``); needs the API key where one is set."""
        raise NotImplementedError

    def __aiter__(self) -> AsyncIterator[Event]:
        """Iterate over what happens from now on; any number of iterators, each sees all of it.

        An iterator ends with :meth:`aclose`, and raises what ended the session otherwise. One that is left behind loses
        all but the newest :class:`Stats`; past 4096 other events it raises :class:`NotReading`.
        """
        raise NotImplementedError

    async def aclose(self) -> None:
        """Leave; a session that :func:`lipwire.connect` made is deleted, unless it was to be kept. Again is fine."""
        raise NotImplementedError

    async def __aenter__(self) -> Face:
        raise NotImplementedError

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        raise NotImplementedError
