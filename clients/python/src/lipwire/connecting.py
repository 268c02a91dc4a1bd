"""How a face is come by."""

from __future__ import annotations

from collections.abc import Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypedDict

from lipwire.face import Face

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


class connect:
    """Make a session and feed it, or feed one that was made elsewhere (``session=`` and ``feed_token=``).

    ``face = await lipwire.connect(…)``, then ``await face.aclose()``; or ``async with lipwire.connect(…) as face``. A
    session that was made here is deleted at the end, unless ``keep=True``.

    ``url``: the server's (``LIPWIRE_URL``, ``http://127.0.0.1:8000``). ``token``: an API key (``LIPWIRE_API_KEY``).
    ``reconnect_for``: for how many seconds a lost connection is tried again.

    Raises:
        LipwireError: :class:`Unauthorized`, :class:`ServerFull`, :class:`NotFound`, :class:`AlreadyFed`,
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
        raise NotImplementedError

    def __await__(self) -> Generator[Any, None, Face]:
        raise NotImplementedError

    async def __aenter__(self) -> Face:
        raise NotImplementedError

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        raise NotImplementedError
