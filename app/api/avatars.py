"""``/api/avatars`` over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, Query, Request, params
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from app.api.models import AVATAR_FORM, AvatarList, AvatarView, Progress
from app.api.preparations import Preparation, Preparations
from app.api.problems import BAD_FACE, FILE_DAMAGED, FILE_TOO_LARGE, FILE_UNKNOWN, NO_KEY, problems
from app.api.uploads import Places, Upload, UploadCutShort, received
from app.avatars.avatar_info import AvatarInfo
from app.avatars.store import AvatarStore

WATCH_S = 1.0
UPLOAD_ID = Query(
    pattern="^[A-Za-z0-9_-]{16,64}$", description="made up by whoever uploads, at random: it is all that protects it"
)
BAD_FORM = ("bad_form", "bad_request", "upload_cut_short", "upload_too_slow", "upload_known")
NO_ROOM = ("store_full", "disk_full", "disk_unusable", "uploads_busy")
BAD_FILE = (*FILE_TOO_LARGE, *FILE_UNKNOWN, *FILE_DAMAGED, *BAD_FACE)


def avatar_routes(
    store: AvatarStore, on_deleted: Callable[[str], None], guards: Sequence[params.Depends] = ()
) -> APIRouter:
    """Make the routes over a store; ``on_deleted`` is told the id of an avatar that is gone.

    ``guards`` stand before what changes something.
    """
    router = APIRouter(prefix="/api/avatars", tags=["avatars"])
    one_upload = asyncio.Lock()  # decoding takes memory and a core; sessions need both
    places = Places()
    preparations = Preparations()

    @router.get("", responses=problems("disk_unusable"))
    async def list_avatars() -> AvatarList:
        return AvatarList(avatars=[AvatarView.of(info) for info in await run_in_threadpool(store.all)])

    @router.post(
        "",
        status_code=201,
        responses=problems(*NO_KEY, *BAD_FORM, *BAD_FILE, *NO_ROOM),
        openapi_extra=AVATAR_FORM,
        dependencies=guards,
    )
    async def add_avatar(request: Request, upload: Annotated[str | None, UPLOAD_ID] = None) -> AvatarView:
        with places.taken(), preparations.begun(upload) as preparation:
            async with received(request, store) as file, _turn(request, one_upload):
                return AvatarView.of(await _prepared(request, store, file, preparation))

    @router.get("/progress", responses=problems("bad_request"))
    async def get_progress(upload: Annotated[str, UPLOAD_ID]) -> Progress | None:
        return preparations.progress(upload)

    @router.get("/{id}", responses=problems("no_such_avatar", "avatar_damaged"))
    async def get_avatar(id: str) -> AvatarView:
        return AvatarView.of(await run_in_threadpool(store.info, id))

    @router.get(
        "/{id}/image",
        response_class=FileResponse,
        responses={200: {"content": {"image/png": {}}}, **problems("no_such_avatar", "avatar_damaged")},
    )
    async def get_image(id: str) -> FileResponse:
        path = await run_in_threadpool(store.picture_file, id)
        return FileResponse(path, media_type="image/png", headers={"Cache-Control": "private, max-age=3600"})

    @router.delete(
        "/{id}",
        status_code=204,
        responses=problems(*NO_KEY, "avatar_fixed", "no_such_avatar", "disk_unusable"),
        dependencies=guards,
    )
    async def delete_avatar(id: str) -> None:
        await run_in_threadpool(store.delete, id)
        on_deleted(id)

    return router


@asynccontextmanager
async def _turn(request: Request, one_upload: asyncio.Lock) -> AsyncIterator[None]:
    """Wait until no other upload is worked on, as long as the sender does.

    Raises:
        UploadCutShort: when the sender has left.
    """
    acquiring = asyncio.create_task(one_upload.acquire())
    try:
        while not (await asyncio.wait({acquiring}, timeout=WATCH_S))[0]:
            if await request.is_disconnected():
                raise UploadCutShort
        yield
    finally:
        if not acquiring.cancel() and not acquiring.cancelled():
            one_upload.release()


async def _prepared(request: Request, store: AvatarStore, upload: Upload, preparation: Preparation) -> AvatarInfo:
    """Make an upload an avatar; where its sender leaves or the server stops, the work stops too."""
    work = asyncio.create_task(run_in_threadpool(store.add, upload.path, upload.name, preparation.tell))
    try:
        while not (await asyncio.wait({work}, timeout=WATCH_S))[0]:
            preparation.is_wanted = not await request.is_disconnected()
        return await work
    finally:
        preparation.is_wanted = False
        await asyncio.gather(work, return_exceptions=True)  # a frame's time, or a picture's
