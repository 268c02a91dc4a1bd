"""A request's body as a whole, of a size that is known before."""

from __future__ import annotations

from fastapi import Request
from starlette.requests import ClientDisconnect

from app.api.uploads import UploadCutShort
from app.errors import Refusal


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
