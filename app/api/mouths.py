"""``/api/avatars/{id}/mouth`` over HTTP: the points that were found, and where a person put them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from fastapi import APIRouter, Request, params
from starlette.concurrency import run_in_threadpool

from app.api.bodies import whole_body
from app.api.models import MOUTH_BODY, MouthView
from app.api.problems import BAD_MOUTH, BAD_POINTS, NO_KEY, problems
from app.avatars.mouth import Points, parse_mouth
from app.avatars.store import AvatarStore
from app.errors import Refusal

MAX_BODY_BYTES = 16 * 1024  # seven points take 400
NOT_THERE = ("avatar_fixed", "no_such_avatar", "avatar_damaged")
BAD_BODY = ("bad_json", "upload_cut_short", "body_too_large")


def mouth_routes(
    store: AvatarStore, on_corrected: Callable[[str], None], guards: Sequence[params.Depends] = ()
) -> APIRouter:
    """Make the routes over a store; ``on_corrected`` is told the id of an avatar whose mouth is another now.

    ``guards`` stand before what changes something.
    """
    router = APIRouter(prefix="/api/avatars/{id}/mouth", tags=["mouths"])

    @router.get("", responses=problems(*NOT_THERE))
    async def get_mouth(id: str) -> MouthView:
        return MouthView.of(await run_in_threadpool(store.mouth, id))

    @router.put(
        "",
        responses=problems(*NO_KEY, *NOT_THERE, *BAD_BODY, *BAD_POINTS, *BAD_MOUTH, "disk_full", "disk_unusable"),
        openapi_extra=MOUTH_BODY,
        dependencies=guards,
    )
    async def put_mouth(id: str, request: Request) -> MouthView:
        await run_in_threadpool(store.correct_mouth, id, await _sent(request))
        on_corrected(id)
        return MouthView.of(await run_in_threadpool(store.mouth, id))

    @router.delete("", status_code=204, responses=problems(*NO_KEY, *NOT_THERE), dependencies=guards)
    async def delete_mouth(id: str) -> None:
        await run_in_threadpool(store.reset_mouth, id)
        on_corrected(id)

    return router


async def _sent(request: Request) -> Points:
    """Read the points out of a request.

    Raises:
        Refusal: ``body_too_large``, ``bad_json``, ``upload_cut_short``.
        MouthError: as ``parse_mouth`` does.
    """
    body = await whole_body(request, MAX_BODY_BYTES, "the points")
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal("bad_json", 'Send JSON, {"points": [{"name", "x", "y"}, …]}.') from None
    return parse_mouth(data)
