"""A request's body as a whole, of a size that is known before."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.types import Message

from app.api.uploads import UploadCutShort
from app.errors import Refusal

JSON_TYPE = "application/json"
MAX_JSON_BYTES = 64 * 1024


async def whole_body(request: Request, most_bytes: int, what: str) -> bytes:
    """Read a body; ``what`` is asked for where it is too long.

    Raises:
        Refusal: ``body_too_large``, ``upload_cut_short``.
    """
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most_bytes:
                raise Refusal("body_too_large", f"Send {what} alone, up to {most_bytes // 1024} KB.")
    except ClientDisconnect:
        raise UploadCutShort from None
    return bytes(body)


def check_json_type(request: Request) -> None:
    """Let a body pass that says it is JSON; a form, which any page could send, does not.

    Raises:
        Refusal: ``unsupported_media_type``.
    """
    sent_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent_type != JSON_TYPE:
        said = f'not as "{sent_type}"' if sent_type else "which this request does not say"
        raise Refusal(
            "unsupported_media_type", f'Send the body as JSON, with the header "Content-Type: {JSON_TYPE}", {said}.'
        )


class JsonRoute(APIRoute):
    """A route whose body, if any, is JSON of at most ``MAX_JSON_BYTES``: it is read before a key is asked for."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Read the body, then handle the request as usual."""
        handle = super().get_route_handler()

        async def handle_bounded(request: Request) -> Response:
            sent = await whole_body(request, MAX_JSON_BYTES, "the JSON")
            if sent:
                check_json_type(request)

            async def receive() -> Message:
                return {"type": "http.request", "body": sent, "more_body": False}

            return await handle(Request(request.scope, receive))

        return handle_bounded
