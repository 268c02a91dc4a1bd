"""``/api/avatars`` over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect
from starlette.types import Message

from app.avatars.picture import MAX_BYTES, PictureError
from app.avatars.store import AvatarFixed, AvatarStore, Details, NoSuchAvatar, StoreFull
from app.problems import Problem

FORM_OVERHEAD_BYTES = 64 * 1024
MAX_NAME = 80


def avatar_routes(store: AvatarStore, on_deleted: Callable[[str], None]) -> APIRouter:
    """Make the routes over a store; ``on_deleted`` is told the id of an avatar that is gone."""
    router = APIRouter(prefix="/api/avatars")
    one_upload = asyncio.Semaphore(1)  # decoding takes memory and a core; sessions need both

    @router.get("")
    async def list_avatars() -> dict[str, Any]:
        return {"avatars": [_shown(details) for details in await run_in_threadpool(store.all)]}

    @router.post("", status_code=201)
    async def add_avatar(request: Request) -> dict[str, Any]:
        try:
            data, name = await _uploaded(request)
        except ClientDisconnect:  # nobody is left to read this; it keeps a hang-up from looking like our bug
            raise Problem(400, "upload_cut_short", "The upload ended before the whole picture had come.") from None
        try:
            async with one_upload:
                return _shown(await run_in_threadpool(store.add, data, name))
        except PictureError as error:
            raise Problem(error.status, error.code, error.message) from error
        except StoreFull:
            raise Problem(507, "store_full", "No more avatars are kept here; delete some first.") from None

    @router.get("/{id}")
    async def get_avatar(id: str) -> dict[str, Any]:
        return _shown(await _found(run_in_threadpool(store.details, id)))

    @router.get("/{id}/image")
    async def get_image(id: str) -> FileResponse:
        path = await _found(run_in_threadpool(store.picture_file, id))
        return FileResponse(path, media_type="image/png", headers={"Cache-Control": "private, max-age=3600"})

    @router.delete("/{id}", status_code=204)
    async def delete_avatar(id: str) -> Response:
        try:
            await _found(run_in_threadpool(store.delete, id))
        except AvatarFixed:
            raise Problem(403, "avatar_fixed", "The default avatar cannot be deleted.") from None
        on_deleted(id)
        return Response(status_code=204)

    return router


async def _found(work: Any) -> Any:
    try:
        return await work
    except NoSuchAvatar as error:
        raise Problem(404, "no_such_avatar", f'There is no avatar "{error}". List them at /api/avatars.') from error


def _shown(details: Details) -> dict[str, Any]:
    return {
        "id": details.id,
        "name": details.name,
        "width": details.width,
        "height": details.height,
        "image": f"/api/avatars/{details.id}/image",
        "notice": details.notice,
    }


async def _uploaded(request: Request) -> tuple[bytes, str]:
    """Read the form's ``image``, never more of the body than a picture may have."""
    received = 0

    async def limited() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > MAX_BYTES + FORM_OVERHEAD_BYTES:
            raise Problem(413, "picture_too_large", "The file is over 10 MB. Use a smaller one.")
        return message

    async with Request(request.scope, limited).form(max_files=1, max_fields=4) as form:
        image = form.get("image")
        if not isinstance(image, UploadFile):
            raise Problem(400, "bad_form", 'Send multipart/form-data with the picture in the field "image".')
        name = unquote(image.filename or "").rsplit(".", 1)[0].strip()[:MAX_NAME]
        return await image.read(), name or "Picture"
