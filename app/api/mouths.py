"""``/api/avatars/{id}/mouth`` over HTTP: the points that were found, and where a person put them."""

from __future__ import annotations

import json
from collections.abc import Callable

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool

from app.access.audit import Audit
from app.api.auth import Asking, Gate, let_anybody
from app.api.bodies import check_json_type, whole_body
from app.api.models import MOUTH_BODY, MouthView
from app.api.own_avatars import OwnAvatars
from app.api.problems import BAD_MOUTH, BAD_POINTS, NO_KEY, problems
from app.avatars.mouth import Points, parse_mouth
from app.avatars.store import AvatarStore
from app.errors import Refusal

MAX_BODY_BYTES = 16 * 1024  # seven points take 400
BAD_BODY = ("bad_json", "upload_cut_short", "body_too_large", "unsupported_media_type")
NOT_THERE = ("avatar_fixed", "no_such_avatar", "avatar_damaged", "store_away", "disk_full", "disk_unusable")


def mouth_routes(store: AvatarStore, on_corrected: Callable[[str], None], gate: Gate | None = None) -> APIRouter:
    """Make the routes over a store; ``on_corrected`` is told the id of an avatar whose mouth is another now.

    Without a ``gate`` they stand open.
    """
    router = APIRouter(
        prefix="/api/avatars/{id}/mouth",
        tags=["mouths"],
        dependencies=[Depends(gate.check_key if gate else let_anybody)],
    )
    own = OwnAvatars(store)
    audit = gate.audit if gate else Audit(None)

    @router.get("", responses=problems(*NO_KEY, *NOT_THERE))
    async def get_mouth(id: str, caller: Asking) -> MouthView:
        await run_in_threadpool(own.require_usable, id, caller)
        return MouthView.of(await run_in_threadpool(store.mouth, id))

    @router.put(
        "",
        responses=problems(*NO_KEY, *NOT_THERE, *BAD_BODY, *BAD_POINTS, *BAD_MOUTH),
        openapi_extra=MOUTH_BODY,
    )
    async def put_mouth(id: str, request: Request, caller: Asking) -> MouthView:
        mouth = await _sent(request)
        with audit.act("avatar_corrected", avatar=id):
            await run_in_threadpool(own.require_changeable, id, caller)
            await run_in_threadpool(store.correct_mouth, id, mouth)
            on_corrected(id)
        return MouthView.of(await run_in_threadpool(store.mouth, id))

    @router.delete("", status_code=204, responses=problems(*NO_KEY, *NOT_THERE))
    async def delete_mouth(id: str, caller: Asking) -> None:
        with audit.act("avatar_corrected", avatar=id):
            await run_in_threadpool(own.require_changeable, id, caller)
            await run_in_threadpool(store.reset_mouth, id)
            on_corrected(id)

    return router


async def _sent(request: Request) -> Points:
    """Read the points out of a request.

    Raises:
        Refusal: ``body_too_large``, ``bad_json``, ``upload_cut_short``,
            ``unsupported_media_type``.
        MouthError: as ``parse_mouth`` does.
    """
    body = await whole_body(request, MAX_BODY_BYTES, "the points")
    if body:
        check_json_type(request)
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal("bad_json", 'Send JSON, {"points": [{"name", "x", "y"}, …]}.') from None
    return parse_mouth(data)
