"""``/api/avatars`` over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse, Response
from starlette.concurrency import run_in_threadpool

from app.access.audit import Audit
from app.access.caller import Caller
from app.api.auth import Asking, Gate, let_anybody
from app.api.framings import Adding, wanted_framing, with_picture
from app.api.models import AVATAR_FORM, AvatarList, AvatarView, PreviewView, Progress
from app.api.own_avatars import OwnAvatars
from app.api.preparations import Preparation, Preparations
from app.api.problems import (
    BAD_FACE,
    BAD_FRAMING,
    FILE_DAMAGED,
    FILE_TOO_LARGE,
    FILE_UNKNOWN,
    NO_KEY,
    WRONG_KEY,
    problems,
)
from app.api.uploads import Upload, UploadCutShort, UploadPlaces, received
from app.avatars.avatar_info import AvatarInfo
from app.avatars.damage import AvatarDamaged
from app.avatars.share import EVERYBODY, Share
from app.avatars.store import AvatarStore, NoSuchAvatar
from app.avatars.thumbnails import Thumbnails

WATCH_S = 1.0
UPLOAD_ID = Query(
    pattern="^[A-Za-z0-9_-]{16,64}$", description="made up by whoever uploads, at random: it is all that protects it"
)
# any page may show it, as a face's poster
IMAGE_HEADERS = {
    "Cache-Control": "private, max-age=3600",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Vary": "Authorization",
}
BAD_FORM = ("bad_form", "bad_request", "upload_cut_short", "upload_too_slow", "upload_known")
NO_ROOM = ("quota_avatars", "quota_bytes", "store_full", "disk_full", "disk_unusable", "store_away", "uploads_busy")
NOT_THERE = ("no_such_avatar", "avatar_damaged", "store_away")
NO_COPY = ("disk_full", "disk_unusable")  # of what lies in a shared store
BAD_FILE = (*FILE_TOO_LARGE, *FILE_UNKNOWN, *FILE_DAMAGED, *BAD_FACE, *BAD_FRAMING)
Crop = Annotated[
    str, Query(max_length=32, description="keep, or the part around the face: portrait, square or landscape")
]
Behind = Annotated[
    str,
    Query(
        max_length=32,
        description="keep, blur, green, a colour such as #1f6feb, or picture: the one in the form's `background`",
    ),
]


MEDIA_TYPES = {".png": "image/png", ".jpg": "image/jpeg"}


async def _no_share(caller: Caller) -> Share:
    return EVERYBODY


def avatar_routes(
    store: AvatarStore,
    on_deleted: Callable[[str], None],
    gate: Gate | None = None,
    share_of: Callable[[Caller], Awaitable[Share]] = _no_share,
) -> APIRouter:
    """Make the routes over a store; ``on_deleted`` is told the id of an avatar that is gone.

    Without a ``gate`` they stand open. ``share_of`` says how much of the store is the caller's.
    """
    router = APIRouter(prefix="/api/avatars", tags=["avatars"])
    one_upload = asyncio.Lock()  # decoding takes memory and a core; sessions need both
    places = UploadPlaces()
    preparations = Preparations()
    own = OwnAvatars(store)
    thumbnails = Thumbnails()
    greeted = [Depends(gate.greet if gate else let_anybody)]
    guarded = [Depends(gate.check_key if gate else let_anybody)]
    audit = gate.audit if gate else Audit(None)

    @router.get("", responses=problems(*WRONG_KEY, "disk_unusable"), dependencies=greeted)
    async def list_avatars(caller: Asking) -> AvatarList:
        avatars, cast = await run_in_threadpool(own.all, caller), await run_in_threadpool(own.cast)
        return AvatarList(avatars=list(map(AvatarView.of, avatars)), cast=list(map(AvatarView.of, cast)))

    @router.post(
        "",
        status_code=201,
        responses=problems(*NO_KEY, *BAD_FORM, *BAD_FILE, *NO_ROOM),
        openapi_extra=AVATAR_FORM,
        dependencies=guarded,
    )
    async def add_avatar(
        request: Request,
        caller: Asking,
        upload: Annotated[str | None, UPLOAD_ID] = None,
        crop: Crop = "keep",
        background: Behind = "keep",
    ) -> AvatarView:
        own_upload = upload and _private(caller, upload)
        framing = wanted_framing(crop, background)  # before anything of it is read
        with audit.act("avatar_added") as line, places.taken(), preparations.begun(own_upload) as preparation:
            async with received(request, store) as file, _turn(request, one_upload):
                adding = Adding(await share_of(caller), with_picture(framing, file.behind))
                info = await _prepared(request, store, file, preparation, adding)
            line["avatar"] = info.id
            return AvatarView.of(info)

    @router.post(
        "/preview",
        responses=problems(*NO_KEY, *BAD_FORM, *BAD_FILE, "disk_full", "disk_unusable", "uploads_busy"),
        openapi_extra=AVATAR_FORM,
        dependencies=guarded,
    )
    async def preview_avatar(request: Request, crop: Crop = "keep", background: Behind = "keep") -> PreviewView:
        framing = wanted_framing(crop, background)
        with places.taken():
            async with received(request, store) as file, _turn(request, one_upload):
                wanted = with_picture(framing, file.behind)
                return PreviewView.of(await run_in_threadpool(store.preview, file.path, wanted))

    @router.get("/progress", responses=problems("bad_request", *NO_KEY), dependencies=guarded)
    async def get_progress(caller: Asking, upload: Annotated[str, UPLOAD_ID]) -> Progress | None:
        return preparations.progress(_private(caller, upload))

    @router.get("/{id}", responses=problems(*NO_KEY, *NOT_THERE), dependencies=greeted)
    async def get_avatar(id: str, caller: Asking) -> AvatarView:
        return AvatarView.of(await run_in_threadpool(own.usable, id, caller))

    @router.get(
        "/{id}/image",
        response_class=FileResponse,
        responses={200: {"content": {"image/png": {}, "image/jpeg": {}}}, **problems(*NO_KEY, *NOT_THERE, *NO_COPY)},
        dependencies=greeted,
    )
    async def get_image(id: str, caller: Asking) -> FileResponse:
        await run_in_threadpool(own.require_usable, id, caller)
        path = await run_in_threadpool(store.picture_file, id)
        return FileResponse(path, media_type=MEDIA_TYPES[path.suffix], headers=IMAGE_HEADERS)

    @router.get(
        "/{id}/thumbnail",
        response_class=Response,
        responses={200: {"content": {"image/jpeg": {}}}, **problems(*NO_KEY, *NOT_THERE, *NO_COPY)},
        dependencies=greeted,
    )
    async def get_thumbnail(id: str, caller: Asking) -> Response:
        await run_in_threadpool(own.require_usable, id, caller)
        path = await run_in_threadpool(store.picture_file, id)
        small = await run_in_threadpool(_thumbnail, thumbnails, id, path)
        return Response(small, media_type="image/jpeg", headers=IMAGE_HEADERS)

    @router.delete(
        "/{id}",
        status_code=204,
        responses=problems(*NO_KEY, *NOT_THERE, "avatar_fixed", "disk_unusable"),
        dependencies=guarded,
    )
    async def delete_avatar(id: str, caller: Asking) -> None:
        with audit.act("avatar_deleted", avatar=id):
            await run_in_threadpool(own.require_deletable, id, caller)
            await run_in_threadpool(store.delete, id)
            on_deleted(id)

    return router


def _thumbnail(thumbnails: Thumbnails, id: str, path: Path) -> bytes:
    """Return an avatar's small picture.

    Raises:
        NoSuchAvatar: when it was deleted just now.
        AvatarDamaged: when its picture cannot be read.
    """
    try:
        return thumbnails.of(id, path)
    except FileNotFoundError as error:
        raise NoSuchAvatar(id) from error
    except (OSError, ValueError) as error:
        raise AvatarDamaged(id, f"{type(error).__name__}: {error}") from error


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


def _private(caller: Caller, upload: str) -> str:
    """Return an upload's id as it is kept: two keys may make up the same one."""
    return f"{caller.id}/{upload}"


async def _prepared(
    request: Request, store: AvatarStore, upload: Upload, preparation: Preparation, adding: Adding
) -> AvatarInfo:
    """Make an upload an avatar; where its sender leaves or the server stops, the work stops too."""
    work = asyncio.create_task(
        run_in_threadpool(store.add, upload.path, upload.name, preparation.tell, adding.share, adding.framing)
    )
    try:
        while not (await asyncio.wait({work}, timeout=WATCH_S))[0]:
            preparation.is_wanted = not await request.is_disconnected()
        return await work
    finally:
        preparation.is_wanted = False
        await asyncio.gather(work, return_exceptions=True)  # a frame's time, or a picture's
