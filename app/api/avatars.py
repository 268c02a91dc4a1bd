"""``/api/avatars`` over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from app.api.problems import Problem
from app.api.uploads import Upload, cut_short, received
from app.avatars.avatar_info import AvatarInfo
from app.avatars.picture import PictureError
from app.avatars.store import AvatarFixed, AvatarStore, NoSuchAvatar, StoreFull

WATCH_S = 1.0

T = TypeVar("T")


class Abandoned(Exception):
    """Nobody waits for the avatar any more."""


@dataclass(slots=True)
class Preparation:
    """How far a video is, in frames, and whether it is still wanted. Written by one thread, read by another."""

    done: int = 0
    expected: int = 0
    is_wanted: bool = True

    def tell(self, done: int, expected: int) -> None:
        """Note how far it is.

        Raises:
            Abandoned: when nobody wants it.
        """
        if not self.is_wanted:
            raise Abandoned
        self.done, self.expected = done, expected


def avatar_routes(store: AvatarStore, on_deleted: Callable[[str], None]) -> APIRouter:
    """Make the routes over a store; ``on_deleted`` is told the id of an avatar that is gone."""
    router = APIRouter(prefix="/api/avatars")
    one_upload = asyncio.Semaphore(1)  # decoding takes memory and a core; sessions need both
    current: Preparation | None = None

    @router.get("")
    async def list_avatars() -> dict[str, Any]:
        return {"avatars": [_shown(info) for info in await run_in_threadpool(store.all)]}

    @router.post("", status_code=201)
    async def add_avatar(request: Request) -> dict[str, Any]:
        nonlocal current
        try:
            async with received(request, store.drafts) as upload, one_upload:
                current = Preparation()
                try:
                    return _shown(await _prepared(request, store, upload, current))
                finally:
                    current = None
        except PictureError as error:
            raise Problem(error.status, error.code, error.message) from error
        except StoreFull:
            raise Problem(507, "store_full", "No more avatars are kept here; delete some first.") from None
        except Abandoned:
            raise cut_short() from None

    @router.get("/progress")
    async def get_progress() -> dict[str, int] | None:
        return {"done": current.done, "of": current.expected} if current and current.expected else None

    @router.get("/{id}")
    async def get_avatar(id: str) -> dict[str, Any]:
        return _shown(await found(run_in_threadpool(store.info, id)))

    @router.get("/{id}/image")
    async def get_image(id: str) -> FileResponse:
        path = await found(run_in_threadpool(store.picture_file, id))
        return FileResponse(path, media_type="image/png", headers={"Cache-Control": "private, max-age=3600"})

    @router.delete("/{id}", status_code=204)
    async def delete_avatar(id: str) -> Response:
        try:
            await found(run_in_threadpool(store.delete, id))
        except AvatarFixed:
            raise Problem(403, "avatar_fixed", "The default avatar cannot be deleted.") from None
        on_deleted(id)
        return Response(status_code=204)

    return router


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


async def found(work: Awaitable[T]) -> T:
    """Await what looks for an avatar.

    Raises:
        Problem: ``no_such_avatar``.
    """
    try:
        return await work
    except NoSuchAvatar as error:
        raise Problem(404, "no_such_avatar", f'There is no avatar "{error}". List them at /api/avatars.') from error


def _shown(info: AvatarInfo) -> dict[str, Any]:
    return {
        "id": info.id,
        "name": info.name,
        "width": info.width,
        "height": info.height,
        "image": f"/api/avatars/{info.id}/image",
        "notice": info.notice,
        "frames": info.frames,
    }
