"""``/api/sessions/{id}/recording`` over HTTP: the MP4 of a session, while it is written and afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from app.api.auth import Asking, Gate, bearer_of
from app.api.passes import PARAMETER
from app.api.problems import NO_KEY, NO_TOKEN, problems
from app.errors import Refusal
from app.session_ref import bare
from app.sessions.recording import Snapshot
from app.sessions.recordings import Recordings

MEDIA_TYPE = "video/mp4"
BLOCK_BYTES = 256 * 1024


def recording_routes(recordings: Recordings, gate: Gate) -> APIRouter:
    """Make the routes over all recordings, for the key whose session it was; who has a token of it may fetch it."""
    router = APIRouter(prefix="/api/sessions/{id}/recording", tags=["recordings"])

    @router.get(
        "",
        response_class=FileResponse,
        responses={
            200: {"content": {MEDIA_TYPE: {}}},
            **problems(
                *NO_KEY, *NO_TOKEN, "key_revoked", "token_not_for_this", "no_recording", "store_away", "disk_full"
            ),
        },
    )
    async def get_recording(id: str, request: Request) -> Response:
        caller = await gate.check_key_or_token(request, id, "recording")
        if caller is not None:
            await recordings.require_own(id, caller)
        else:
            gate.require_owner(await recordings.owner_of(id))
        found = await recordings.open(id)
        # with a pass, or it had been refused: for a page of the front, which sends on its own pages alone
        was_sent = gate.of_stage and not bearer_of(request) and PARAMETER in request.query_params
        shown = {"Cross-Origin-Resource-Policy": "cross-origin"} if was_sent else {}
        if isinstance(found, Path):  # it is served in ranges
            try:
                stat = await run_in_threadpool(found.stat)
            except FileNotFoundError:  # deleted meanwhile
                raise Refusal("no_recording", "This session's recording has been deleted.") from None
            return FileResponse(
                found,
                media_type=MEDIA_TYPE,
                filename=f"{bare(id)}.mp4",
                content_disposition_type="inline",
                stat_result=stat,
                headers=shown,
            )
        headers = {"Content-Length": str(found.bytes), "Cache-Control": "no-store", "Accept-Ranges": "none", **shown}
        return StreamingResponse(_blocks(found), media_type=MEDIA_TYPE, headers=headers)

    @router.delete(
        "",
        status_code=204,
        responses=problems(*NO_KEY, "no_recording", "store_away"),
        dependencies=[Depends(gate.check_key)],
    )
    async def delete_recording(id: str, caller: Asking) -> None:
        with gate.audit.act("recording_deleted", session=bare(id)):
            await recordings.require_own(id, caller)
            await recordings.delete(id)

    return router


def _blocks(snapshot: Snapshot) -> Iterator[bytes]:
    with snapshot.file as file:
        left = snapshot.bytes - len(snapshot.head)
        yield snapshot.head
        while left and (block := file.read(min(BLOCK_BYTES, left))):
            left -= len(block)
            yield block
