"""Answers to requests whose body is still on its way: the answer goes out at once, and arrives."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LINGER_S = 10.0
SILENT_S = 2.0  # after which nothing more is expected
LINGER_BYTES = 128 * 1024 * 1024


class Lingering:
    """Sends an early answer whole, then takes what the client still sends, and then closes the connection.

    Without that a client that is refused while it sends sees its connection break, and not why. What is taken is thrown
    away. Bound: ``LINGER_S``, ``SILENT_S`` without anything, and ``LINGER_BYTES``; then the connection is closed.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        body = _Body(receive)

        async def sending(message: Message) -> None:
            if body.is_over or (body.untouched and _asks_first(scope)):
                await send(message)
            elif message["type"] == "http.response.start":
                await send({**message, "headers": [*message.get("headers", []), (b"connection", b"close")]})
            elif message["type"] != "http.response.body" or message.get("more_body", False):
                await send(message)
            else:
                await send({**message, "more_body": True})
                await body.throw_away()
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        await self._app(scope, body.receive, sending)


class _Body:
    """A request's body, as far as it was read."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.is_over, self.untouched = False, True

    async def receive(self) -> Message:
        self.untouched = False
        message = await self._receive()
        self.is_over = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def throw_away(self) -> None:
        left = LINGER_BYTES
        try:
            async with asyncio.timeout(LINGER_S):
                while not self.is_over and left > 0:
                    async with asyncio.timeout(SILENT_S):
                        left -= len((await self.receive()).get("body", b""))
        except TimeoutError:
            pass


def _has_body(scope: Scope) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )


def _asks_first(scope: Scope) -> bool:
    """Tell whether the client sends nothing before it is told to go on."""
    return any(name == b"expect" and value.lower() == b"100-continue" for name, value in scope["headers"])
