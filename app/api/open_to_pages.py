"""Cross-origin requests: some paths may be used by any page on any site."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LABEL = "Lipwire-Label"  # what a face is marked with, percent-encoded
ALLOWED = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
    "Access-Control-Expose-Headers": f"Location, Link, ETag, Accept-Post, Accept-Patch, Retry-After, {LABEL}",
    "Access-Control-Max-Age": "86400",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


def open_headers(label: str) -> dict[str, str]:
    """Return what is said to any page: that it may ask, and what the face is to be marked with."""
    return {**ALLOWED, LABEL: quote(label)}


class OpenToPages:
    """Says so with every answer below ``prefix``, refusals included, as a page cannot read one that does not say it.

    What a page may do there is then a matter of tokens alone: no cookie counts.
    """

    def __init__(self, app: ASGIApp, prefix: str, headers: Mapping[str, str]) -> None:
        self._app, self._prefix, self._headers = app, prefix, headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or not scope["path"].startswith(self._prefix):
            await self._app(scope, receive, send)
            return

        async def open_to_pages(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await self._app(scope, receive, open_to_pages)
