"""How a face is come by."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypedDict

from lipwire.admission import Admission
from lipwire.errors import LipwireError
from lipwire.face import Face
from lipwire.feed import Feed
from lipwire.home import Home
from lipwire.link import Link
from lipwire.management import Management
from lipwire.subscription import Subscribers

if TYPE_CHECKING:
    from typing_extensions import Unpack

DEFAULT_URL = "http://127.0.0.1:8000"
URL_VARIABLE, KEY_VARIABLE = "LIPWIRE_URL", "LIPWIRE_API_KEY"


class SessionOptions(TypedDict, total=False):
    """What a new session is asked for; the server's defaults for what is left out."""

    avatar: str
    engine: str
    mode: str
    record: bool
    hold_until_viewer: bool
    max_duration_s: float
    idle_timeout_s: float
    background: str


class connect:
    """Make a session and feed it, or feed one that was made elsewhere (``session=`` and ``feed_token=``).

    ``face = await lipwire.connect(…)``, then ``await face.aclose()``; or ``async with lipwire.connect(…) as face``. A
    session that was made here is deleted at the end, unless ``keep=True``.

    ``url``: the server's (``LIPWIRE_URL``, else ``http://127.0.0.1:8000``). ``token``: an API key (or
    ``LIPWIRE_API_KEY``); with it ``feed_token`` may be left out. ``reconnect_for``: for how many seconds a lost
    connection is tried again.
    The rest is what a new session is asked for.

    Raises:
        LipwireError: when awaited: :class:`Unauthorized`, :class:`ServerFull`, :class:`NotFound`, :class:`AlreadyFed`,
            :class:`ConnectionLost`, or another with the server's code.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        session: str | None = None,
        feed_token: str | None = None,
        keep: bool = False,
        reconnect_for: float = 30.0,
        **options: Unpack[SessionOptions],
    ) -> None:
        if session is not None and options:
            raise ValueError(f"a session that exists already has its {', '.join(options)}")
        if session is None and feed_token is not None:
            raise ValueError("feed_token belongs to a session: give session too")
        self._url = url or os.environ.get(URL_VARIABLE) or DEFAULT_URL
        if not self._url.startswith(("http://", "https://")):
            raise ValueError(f"url begins with http:// or https://, not {self._url!r}")
        self._key = token or os.environ.get(KEY_VARIABLE) or None
        self._session, self._feed_token = session, feed_token
        self._deletes = session is None and not keep
        self._reconnect_for, self._options = reconnect_for, options
        self._face: Face | None = None

    def __await__(self) -> Generator[Any, None, Face]:
        return self._open().__await__()

    async def __aenter__(self) -> Face:
        self._face = await self
        return self._face

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._face is not None
        await self._face.aclose()

    async def _open(self) -> Face:
        management = Management(self._url, self._key)
        try:
            if self._session is None:
                admission = await management.make_session(self._options)
            else:
                admission = await management.admission_to(self._session, self._feed_token)
        except BaseException:
            await management.aclose()
            raise
        try:
            return await self._attach(admission, management)
        except BaseException:
            with contextlib.suppress(LipwireError):
                if self._session is None:
                    await management.end_session(admission.id)
            await management.aclose()
            raise

    async def _attach(self, admission: Admission, management: Management) -> Face:
        subscribers = Subscribers()
        last_event = 0 if self._session is None else None
        feed = Feed(subscribers.announce, last_event, admission.may_move)
        link = Link(Home(admission, feed, management), feed, self._reconnect_for, subscribers.announce)

        def ended(error: LipwireError) -> None:
            feed.fail(error)
            subscribers.end(error)

        started = await link.open(ended)
        size = int(started["width"]), int(started["height"])
        return Face(size, feed, link, subscribers, management, self._deletes)
