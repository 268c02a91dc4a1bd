"""What a client of a front may have, where Serve's own server has taken its connection: our limits, behind it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterable
from typing import Any, cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.api.behind_proxies import BehindProxies, refuse
from app.api.client_address import Proxies
from app.api.doorkeeper import Doorkeeper
from app.api.guarded_http import BODY_SLICE_BYTES, HEAD_BYTES, SLICE_TOKENS, SLOWEST_BYTES_S
from app.api.lingering import Lingering
from app.api.uploads import FORM_OVERHEAD_BYTES
from app.avatars.video import VIDEO_MAX_BYTES
from app.config import Settings
from app.errors import Refusal
from app.tallies import LIMITS

logger = logging.getLogger(__name__)

UPLOADS = "/api/avatars"
UPLOAD_BYTES = VIDEO_MAX_BYTES + 2 * FORM_OVERHEAD_BYTES  # who sends a little too much is told so by the upload itself
BODY_BYTES = 1024 * 1024  # of any other request, most of which allow 64 KiB
HEADER_BYTES = 4  # of each header, beside name and value
BELIEVED = "FORWARDED_ALLOW_IPS"  # uvicorn's own, which Serve leaves to the environment
LOOPBACKS = ("127.0.0.1", "::1")  # whom it believes where that is not set


def guarded(app: ASGIApp, settings: Settings) -> ASGIApp:
    """Put the limits of a plain server before a front's application, and find out whose requests are."""
    doorkeeper = Doorkeeper(settings)
    guard: ASGIApp = BehindProxies(Lingering(FrontGuard(app, doorkeeper)), doorkeeper, settings.max_connections)
    trusted = doorkeeper.proxies.networks
    if trusted:
        guard = cast(ASGIApp, ProxyHeadersMiddleware(cast(Any, guard), trusted))
    said = os.environ.get(BELIEVED, "")
    if said and not set(map(str.strip, said.split(","))) <= set(LOOPBACKS):
        logger.warning(
            "front: %s is set, so clients may give themselves any address; use LIPWIRE_TRUSTED_PROXIES", BELIEVED
        )
    return TakenBack(guard, doorkeeper.proxies)


class TakenBack:
    """Takes back the address that Serve's own server has read in ``X-Forwarded-For``.

    Serve hands on whom its uvicorn takes for the client. That believes whatever comes from this machine, so a program
    here, or whoever is behind a tunnel that ends here, could have any address. Which proxies are believed is said by
    ``LIPWIRE_TRUSTED_PROXIES`` alone.
    """

    def __init__(self, app: ASGIApp, proxies: Proxies) -> None:
        self._app = app
        self._serves = ProxyHeadersMiddleware(cast(Any, app), list(LOOPBACKS)).trusted_hosts
        self._here = next((each for each in LOOPBACKS if each in proxies), LOOPBACKS[0])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        said = [value for name, value in scope.get("headers", ()) if name == b"x-forwarded-for"]
        if said and scope.get("client"):
            read = self._serves.get_trusted_client_address(b", ".join(said).decode("latin-1"))
            if tuple(scope["client"]) == read:  # it came from here, as nobody else is believed
                scope = {**scope, "client": (self._here, 0)}
        await self._app(scope, receive, send)


class FrontGuard:
    """Refuses heads that are too long, bodies that are too large, and bodies that do not come.

    A body has ``header_timeout_s``, and beyond that comes at ``SLOWEST_BYTES_S``. What was read of it takes tokens of
    its address's allowance, so that the next request waits; it is not held up itself, as Serve would keep it in memory.

    Bound: one piece of a body a request; what waits of it is Serve's, ``UPLOAD_BYTES`` or ``BODY_BYTES`` at most.
    """

    def __init__(self, app: ASGIApp, doorkeeper: Doorkeeper) -> None:
        self._app, self._doorkeeper = app, doorkeeper

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if _head_bytes(scope) > HEAD_BYTES:
            too_long = Refusal("bad_request", f"The head of a request may have {HEAD_BYTES // 1024} KiB.")
            await refuse(too_long, scope, receive, send)
        elif scope["type"] == "websocket":
            await self._app(scope, receive, send)
        else:
            await _Request(self._app, self._doorkeeper, scope).serve(receive, send)


class _Request:
    """One request, as far as its body has come."""

    def __init__(self, app: ASGIApp, doorkeeper: Doorkeeper, scope: Scope) -> None:
        self._app, self._doorkeeper, self._scope = app, doorkeeper, scope
        self._most = UPLOAD_BYTES if scope["path"].rstrip("/") == UPLOADS else BODY_BYTES
        self._came, self._waited_s = 0, 0.0
        self._is_whole = self._is_cut = self._has_begun = self._is_answered = False

    async def serve(self, receive: Receive, send: Send) -> None:
        """Have it answered."""
        announced = next((value for name, value in self._scope["headers"] if name == b"content-length"), b"0")
        if announced.isdigit() and int(announced) > self._most:
            await refuse(self._too_large, self._scope, receive, send)
            return

        async def reading() -> Message:
            try:
                return await self._read(receive)
            except Refusal as refusal:
                self._is_cut = True
                if not self._has_begun:
                    self._is_answered = True
                    await refuse(refusal, self._scope, receive, send)
                return {"type": "http.disconnect"}

        async def sending(message: Message) -> None:
            self._has_begun = True
            if not self._is_answered:
                await send(message)

        await self._app(self._scope, reading, sending)

    async def _read(self, receive: Receive) -> Message:
        """Return what comes next.

        Raises:
            Refusal: ``body_too_large``, ``upload_too_slow``.
        """
        if self._is_cut:
            return {"type": "http.disconnect"}
        if self._is_whole:
            return await receive()
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        left_s = self._doorkeeper.header_timeout_s + self._came / SLOWEST_BYTES_S - self._waited_s
        try:
            async with asyncio.timeout(left_s):
                message = await receive()
        except TimeoutError:
            LIMITS.note("too_slow")
            raise Refusal("upload_too_slow", "The body did not come; send it again, over another line.") from None
        self._waited_s += loop.time() - begun_s
        count = len(message.get("body", b""))
        self._came += count
        self._is_whole = message["type"] != "http.request" or not message.get("more_body", False)
        if self._came > self._most:
            raise self._too_large
        if not self._is_whole and (client := self._scope.get("client")) and client[0] not in self._doorkeeper.proxies:
            tokens = SLICE_TOKENS * max(1.0, count / BODY_SLICE_BYTES)
            self._doorkeeper.requests(client[0], loop.time()).take(tokens, loop.time())
        return message

    @property
    def _too_large(self) -> Refusal:
        return Refusal("body_too_large", f"Send at most {self._most // 1024} KiB here.")


def _head_bytes(scope: Scope) -> int:
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    asked = len(scope.get("raw_path") or scope["path"].encode()) + len(scope["query_string"])
    return asked + sum(len(name) + len(value) + HEADER_BYTES for name, value in headers)
