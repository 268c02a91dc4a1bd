"""``/api/avatars/{id}/mouth`` over HTTP: the points that were found, and where a person put them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from app.api.avatars import found
from app.api.problems import Problem
from app.api.uploads import cut_short
from app.avatars.mouth import HANDLES, MouthError, Points, parse_mouth
from app.avatars.picture import PictureError
from app.avatars.store import AvatarFixed, AvatarStore, Mouth

MAX_BODY_BYTES = 16 * 1024  # seven points take 400


def mouth_routes(store: AvatarStore, on_corrected: Callable[[str], None]) -> APIRouter:
    """Make the routes over a store; ``on_corrected`` is told the id of an avatar whose mouth is another now."""
    router = APIRouter(prefix="/api/avatars/{id}/mouth")

    @router.get("")
    async def get_mouth(id: str) -> dict[str, Any]:
        with _refusing():
            return _shown(await found(run_in_threadpool(store.mouth, id)))

    @router.put("")
    async def put_mouth(id: str, request: Request) -> dict[str, Any]:
        with _refusing():
            mouth = await _sent(request)
            await found(run_in_threadpool(store.correct_mouth, id, mouth))
            on_corrected(id)
            return _shown(await found(run_in_threadpool(store.mouth, id)))

    @router.delete("", status_code=204)
    async def delete_mouth(id: str) -> Response:
        with _refusing():
            await found(run_in_threadpool(store.reset_mouth, id))
        on_corrected(id)
        return Response(status_code=204)

    return router


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except AvatarFixed:
        raise Problem(
            403, "avatar_fixed", "The default avatar cannot be corrected; only a face of your own can be."
        ) from None
    except MouthError as error:
        raise Problem(422, error.code, error.message) from error
    except PictureError as error:
        raise Problem(error.status, error.code, error.message) from error


async def _sent(request: Request) -> Points:
    """Read the points out of a request.

    Raises:
        Problem: ``body_too_large``, ``bad_json``, ``upload_cut_short``.
        MouthError: as ``parse_mouth`` does.
    """
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise Problem(413, "body_too_large", f"Send the points alone, up to {MAX_BODY_BYTES // 1024} KB.")
    except ClientDisconnect:
        raise cut_short() from None
    try:
        data = json.loads(bytes(body))
    except (ValueError, RecursionError):
        raise Problem(400, "bad_json", 'Send JSON, {"points": [{"name", "x", "y"}, …]}.') from None
    return parse_mouth(data)


def _shown(mouth: Mouth) -> dict[str, Any]:
    now = mouth.found if mouth.corrected is None else mouth.corrected
    return {
        "corrected": mouth.corrected is not None,
        "points": [
            {"name": handle.name, "label": handle.label, "x": x, "y": y, "found_x": found_x, "found_y": found_y}
            for handle, (x, y), (found_x, found_y) in zip(HANDLES, now.tolist(), mouth.found.tolist(), strict=True)
        ],
    }
