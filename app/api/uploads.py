"""A form on its way in: the file of it, on the disk beside the avatars, and never more than may come."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect
from starlette.types import Message

from app.avatars.footage import MARK_BYTES, not_a_video, video_format
from app.avatars.staging import Staging
from app.avatars.video import VIDEO_MAX_BYTES, minding_the_disk, video_too_large
from app.errors import Refusal

FORM_OVERHEAD_BYTES = 64 * 1024
FIELDS = {"image": "Picture", "video": "Video"}  # of the form → what a file without a name is called
MAX_NAME = 80


class UploadCutShort(Refusal):
    """The client is gone: nobody reads this; it keeps a hang-up from looking like our bug."""

    def __init__(self) -> None:
        super().__init__("upload_cut_short", "The upload ended before the whole file had come.")


@dataclass(frozen=True, slots=True)
class Upload:
    """``path`` is there until the upload is left. ``name``: the file's, without its ending."""

    path: Path
    name: str


@asynccontextmanager
async def received(request: Request, drafts: Staging) -> AsyncIterator[Upload]:
    """Read the form's ``image`` or ``video`` into a draft, which is removed at the end.

    Raises:
        Refusal: ``bad_form``, ``upload_cut_short``.
        PictureError: ``video_too_large``, ``not_a_video`` (in ``video``), ``disk_full``.
    """
    staged = await run_in_threadpool(drafts.open)
    try:
        with minding_the_disk():
            upload = await _spooled(request, staged)
        yield upload
    finally:
        await run_in_threadpool(shutil.rmtree, staged, ignore_errors=True)


async def _spooled(request: Request, staged: Path) -> Upload:
    """Take the form in, then only the file: what the form held in the system's own folder goes at once."""
    arrived = 0

    async def limited() -> Message:
        nonlocal arrived
        message = await request.receive()
        arrived += len(message.get("body", b""))
        if arrived > VIDEO_MAX_BYTES + FORM_OVERHEAD_BYTES:
            raise video_too_large()
        return message

    try:
        async with Request(request.scope, limited).form(max_files=1, max_fields=4) as form:
            files = [(field, form[field]) for field in FIELDS if isinstance(form.get(field), UploadFile)]
            if not files:
                raise Refusal("bad_form", 'Send multipart/form-data, a picture in "image" or a video in "video".')
            field, file = files[0]
            assert isinstance(file, UploadFile)
            if field == "video" and video_format(await _head(file)) is None:
                raise not_a_video()
            await run_in_threadpool(_copy, file, staged / "upload")
            name = unquote(file.filename or "").rsplit(".", 1)[0].strip()[:MAX_NAME]
            return Upload(staged / "upload", name or FIELDS[field])
    except ClientDisconnect:
        raise UploadCutShort from None


async def _head(file: UploadFile) -> bytes:
    head = await file.read(MARK_BYTES)
    await file.seek(0)
    return head


def _copy(file: UploadFile, path: Path) -> None:
    with open(path, "wb") as out:
        shutil.copyfileobj(file.file, out, 1024 * 1024)
