"""A form on its way in: the file of it, on the disk beside the avatars, and never more than may come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from app.api.form_file import BEHIND, FormFile
from app.avatars.damage import minding_the_disk
from app.avatars.footage import MARK_BYTES, not_a_video, video_format
from app.avatars.picture import MAX_BYTES, PictureError
from app.avatars.staging import Draft
from app.avatars.store import AvatarStore
from app.avatars.video import VIDEO_MAX_BYTES, video_too_large
from app.disk import Disk
from app.errors import Refusal

FORM_OVERHEAD_BYTES = 64 * 1024
PLACES = 2
BLOCK_BYTES = 1024 * 1024  # that are written together
PATIENCE_S = 60.0  # without anything new
LEAST_BYTES_PER_S = 32 * 1024  # 100 MB in an hour


class UploadCutShort(Refusal):
    """The client is gone: nobody reads this; it keeps a hang-up from looking like our bug."""

    def __init__(self) -> None:
        super().__init__("upload_cut_short", "The upload ended before the whole file had come.")


@dataclass(frozen=True, slots=True)
class Upload:
    """``path`` is there until the upload is left. ``name``: the file's, without its ending.

    ``behind``: the picture that came in ``background``, if one did.
    """

    path: Path
    name: str
    behind: bytes = b""


class UploadPlaces:
    """Who may upload. Bound: ``PLACES``, each from its first byte until its file is an avatar.

    Belongs to the event loop. So what waits on the disk is at most as many files as there are places.
    """

    def __init__(self) -> None:
        self._taken = 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take a place until the upload is left; nothing of it has been read before.

        Raises:
            Refusal: ``uploads_busy``, when there is none.
        """
        if self._taken >= PLACES:
            raise Refusal("uploads_busy", f"{PLACES} uploads are under way already; try again in a moment.")
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1


class Patience:
    """How long an upload may go on: as long as ``LEAST_BYTES_PER_S`` come, on average over ``PATIENCE_S``."""

    def __init__(self, now_s: float) -> None:
        self._until_s = now_s + PATIENCE_S

    def note(self, arrived_bytes: int, now_s: float) -> None:
        """Count what has come."""
        self._until_s = min(self._until_s + arrived_bytes / LEAST_BYTES_PER_S, now_s + PATIENCE_S)

    def excuse(self, seconds: float) -> None:
        """Leave out time in which the disk was waited for: that is not the sender's."""
        self._until_s += seconds

    def left_s(self, now_s: float) -> float:
        """Return how long one may wait for more."""
        return self._until_s - now_s


@asynccontextmanager
async def received(request: Request, store: AvatarStore) -> AsyncIterator[Upload]:
    """Read the form's ``image`` or ``video`` into a draft, which is removed at the end.

    Raises:
        Refusal: ``bad_form``, ``upload_cut_short``, ``upload_too_slow``.
        PictureError: ``picture_too_large`` (in ``background``), ``video_too_large``, ``not_a_video`` (in ``video``),
            ``disk_full``, ``disk_unusable``.
    """
    announced = int(request.headers.get("content-length") or 0)
    if announced > VIDEO_MAX_BYTES + FORM_OVERHEAD_BYTES:
        raise video_too_large()
    form = FormFile(request.headers.get("content-type", ""))
    with minding_the_disk():
        draft = await run_in_threadpool(store.drafts.begin)
    try:
        with minding_the_disk():
            path = await _spooled(request, form, draft, store.disk(draft.path), announced)
            behind = await run_in_threadpool(_read_behind, draft)
        yield Upload(path, form.name, behind)
    finally:
        await run_in_threadpool(draft.discard)


async def _spooled(request: Request, form: FormFile, draft: Draft, disk: Disk, announced: int) -> Path:
    """Write the form's file as it comes; so it is on the disk once, and hardly in memory."""
    path, clock = draft.path / "upload", asyncio.get_running_loop().time
    behind_bytes = 0
    await run_in_threadpool(disk.require, announced)
    waiting, begin = bytearray(), b""
    patience = Patience(clock())

    async def write() -> None:
        begun_s = clock()
        await run_in_threadpool(_append, path, bytes(waiting), disk)
        waiting.clear()
        patience.excuse(clock() - begun_s)

    async for piece in _pieces(request, patience):
        found = form.feed(piece)
        waiting += found
        if form.behind:
            behind_bytes += len(form.behind)
            if behind_bytes > MAX_BYTES:
                raise PictureError("picture_too_large", "The background is over 10 MB. Use a smaller one.")
            await run_in_threadpool(_append, draft.path / BEHIND, bytes(form.behind), disk)
        if len(begin) < MARK_BYTES:
            begin = (begin + found)[:MARK_BYTES]
            if len(begin) == MARK_BYTES:
                _check_kind(form, begin)
        if len(waiting) >= BLOCK_BYTES:
            await write()
    form.check_complete()
    _check_kind(form, begin)
    await write()
    return path


async def _pieces(request: Request, patience: Patience) -> AsyncIterator[bytes]:
    """Yield a body as it comes.

    Raises:
        Refusal: ``upload_cut_short``, ``upload_too_slow``.
        PictureError: ``video_too_large``.
    """
    arrived, clock = 0, asyncio.get_running_loop().time
    more = True
    while more:
        try:
            async with asyncio.timeout(patience.left_s(clock())):
                message = await request.receive()
        except TimeoutError:
            raise Refusal(
                "upload_too_slow",
                f"The upload came with less than {LEAST_BYTES_PER_S // 1024} KB a second; try again over another line.",
            ) from None
        if message["type"] != "http.request":
            raise UploadCutShort
        piece: bytes = message.get("body", b"")
        arrived += len(piece)
        if arrived > VIDEO_MAX_BYTES + FORM_OVERHEAD_BYTES:
            raise video_too_large()
        patience.note(len(piece), clock())
        yield piece
        more = message.get("more_body", False)


def _check_kind(form: FormFile, begin: bytes) -> None:
    if form.field == "video" and video_format(begin) is None:
        raise not_a_video()


def _read_behind(draft: Draft) -> bytes:
    path = draft.path / BEHIND
    return path.read_bytes() if path.exists() else b""


def _append(path: Path, data: bytes, disk: Disk) -> None:
    disk.require(len(data))
    with open(path, "ab") as out:
        out.write(data)
