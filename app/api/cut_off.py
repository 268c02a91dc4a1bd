"""Requests that the server's end cuts off."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import HEADERS, problem_response


class CutOff:
    """Answers a request that is still worked on when the server ends, instead of letting it fail.

    uvicorn cancels such requests, and nothing else does: hanging up does not.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request or a socket."""
        has_begun = False

        async def note(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, note)
        except asyncio.CancelledError:
            if scope["type"] == "http" and not has_begun:
                why = "This server was stopped before it was done; send the request again."
                await problem_response(503, "server_draining", why, HEADERS[503])(scope, receive, send)
