"""``/api/sessions/{id}/recording`` over HTTP: the MP4 of a session, while it is written and afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from fastapi import APIRouter
from fastapi.params import Depends
from fastapi.responses import FileResponse, Response, StreamingResponse

from app.api.problems import problems
from app.sessions.recording import Snapshot
from app.sessions.recordings import Recordings

MEDIA_TYPE = "video/mp4"
BLOCK_BYTES = 256 * 1024


def recording_routes(recordings: Recordings, guards: Sequence[Depends] = ()) -> APIRouter:
    """Make the routes over all recordings; ``guards`` check whoever asks."""
    router = APIRouter(prefix="/api/sessions/{id}/recording", tags=["recordings"], dependencies=guards)

    @router.get(
        "", response_class=FileResponse, responses={200: {"content": {MEDIA_TYPE: {}}}, **problems("no_recording")}
    )
    async def get_recording(id: str) -> Response:
        found = await recordings.open(id)
        if isinstance(found, Path):  # it is served in ranges
            return FileResponse(found, media_type=MEDIA_TYPE, filename=f"{id}.mp4", content_disposition_type="inline")
        headers = {"Content-Length": str(found.bytes), "Cache-Control": "no-store", "Accept-Ranges": "none"}
        return StreamingResponse(_blocks(found), media_type=MEDIA_TYPE, headers=headers)

    @router.delete("", status_code=204, responses=problems("no_recording"))
    async def delete_recording(id: str) -> None:
        await recordings.delete(id)

    return router


def _blocks(snapshot: Snapshot) -> Iterator[bytes]:
    with snapshot.file as file:
        left = snapshot.bytes - len(snapshot.head)
        yield snapshot.head
        while left and (block := file.read(min(BLOCK_BYTES, left))):
            left -= len(block)
            yield block
