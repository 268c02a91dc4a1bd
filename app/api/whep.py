"""``/whep/{session}``: watching with any WHEP player (draft-ietf-wish-whep; trickle and restarts as in RFC 9725)."""

from __future__ import annotations

from typing import Protocol

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from app.api.auth import Gate
from app.api.bodies import whole_body
from app.api.ice_links import ice_links, warn_of_unsayable
from app.api.models import body
from app.api.problems import NO_TOKEN, problems
from app.api.whep_viewers import WhepViewer, WhepViewers
from app.errors import Refusal
from app.rtc.ice_fragment import IceFragment
from app.sessions.premises import Premises
from app.sessions.session import Session
from app.tracing import following

PREFIX = "/whep/"
SDP, FRAGMENT = "application/sdp", "application/trickle-ice-sdpfrag"
MAX_SDP_BYTES = 64 * 1024  # a browser's offer takes 6
BAD_BODY = ("unsupported_media_type", "body_too_large", "upload_cut_short", "bad_sdp")
NO_PLACE = ("too_many_viewers", "no_media_port")
OTHER_METHODS = ["GET", "HEAD", "PUT"]


class Sessions(Protocol):
    """Who knows the sessions."""

    def find(self, id: str) -> Session:
        """Return an open session, or raise ``no_such_session``."""
        ...


def whep_routes(sessions: Sessions, premises: Premises, gate: Gate) -> APIRouter:
    """Make the routes. A viewer's path is a secret of its own: who knows it needs no token, which may have expired."""
    router = APIRouter(tags=["whep"])
    viewers = WhepViewers(premises.settings.max_viewers)
    warn_of_unsayable(premises.settings.ice_servers)
    endpoint, resource = PREFIX + "{session_id}", PREFIX + "{session_id}/{secret}"

    @router.post(
        endpoint,
        status_code=201,
        responses=problems(
            *NO_TOKEN,
            "token_not_for_this",
            "no_such_session",
            "session_over",
            *BAD_BODY,
            "too_many_viewers",
            "no_media_port",
        ),
        openapi_extra=body(SDP, {"type": "string", "description": "an offer to receive a voice and pictures"}),
    )
    async def watch(session_id: str, request: Request) -> Response:
        gate.check_bearer(request, session_id, "view")
        session = sessions.find(session_id)
        offer = await _text(request, SDP)
        viewers.enter()
        try:
            with following(premises.tracing.begin("watch", request.headers, session.start_trace)) as trace:
                trace.describe(session=session.id)
                viewer, answer = await session.view(offer)
                secret, added = viewers.add(session_id, viewer)
            trace.end()
        finally:
            viewers.leave()
        response = Response(answer, 201, {"Location": f"{PREFIX}{session_id}/{secret}"}, SDP)
        response.headers["ETag"], response.headers["Accept-Patch"] = added.etag, FRAGMENT
        for link in ice_links(session.network.ice_servers()):
            response.headers.append("Link", link)
        return response

    @router.patch(
        resource,
        status_code=204,
        responses={
            200: {"description": "ICE restarts", "content": {FRAGMENT: {}}},
            **problems("no_such_viewer", "session_over", "ice_session_changed", "no_media_port", *BAD_BODY),
        },
        openapi_extra=body(FRAGMENT, {"type": "string", "description": "candidates, or a new ICE session's names"}),
    )
    async def trickle(session_id: str, secret: str, request: Request) -> Response:
        found = viewers.find(session_id, secret)
        fragment = IceFragment.parse(await _text(request, FRAGMENT))
        ice = found.viewer.ice
        if ice.is_restart(fragment):
            own = await ice.restart(fragment)
            found.renew()
            return Response(str(own), 200, {"ETag": found.etag}, FRAGMENT)
        _check_etag(request, found)
        ice.add(fragment)
        return Response(status_code=204)

    @router.delete(resource, responses=problems("no_such_viewer"))
    async def leave(session_id: str, secret: str) -> Response:
        found = viewers.find(session_id, secret)
        viewers.remove(secret)
        await found.viewer.aclose()
        return Response(status_code=200)

    @router.options(endpoint, status_code=204, include_in_schema=False)
    async def ask_endpoint() -> Response:
        return Response(status_code=204, headers={"Allow": "OPTIONS, POST", "Accept-Post": SDP})

    @router.options(resource, status_code=204, include_in_schema=False)
    async def ask_resource() -> Response:
        return Response(status_code=204, headers={"Allow": "DELETE, OPTIONS, PATCH", "Accept-Patch": FRAGMENT})

    @router.api_route(endpoint, methods=[*OTHER_METHODS, "PATCH", "DELETE"], include_in_schema=False)
    async def refuse_endpoint() -> None:
        raise HTTPException(405, "POST an offer here to watch.", {"Allow": "OPTIONS, POST"})

    @router.api_route(resource, methods=[*OTHER_METHODS, "POST"], include_in_schema=False)
    async def refuse_resource() -> None:
        allowed = {"Allow": "DELETE, OPTIONS, PATCH"}
        raise HTTPException(405, "PATCH candidates here, or DELETE it to stop watching.", allowed)

    return router


async def _text(request: Request, media_type: str) -> str:
    """Read a body of this type.

    Raises:
        Refusal: ``unsupported_media_type``, ``body_too_large``, ``upload_cut_short``, ``bad_sdp``.
    """
    sent_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent_type != media_type:
        raise Refusal("unsupported_media_type", f"Send {media_type}, not {sent_type or 'a body of no type'}.")
    sent = await whole_body(request, MAX_SDP_BYTES, "the SDP")
    try:
        return sent.decode()
    except UnicodeDecodeError:
        raise Refusal("bad_sdp", "The SDP is no UTF-8 text.") from None


def _check_etag(request: Request, found: WhepViewer) -> None:
    """Refuse candidates of an ICE session before a restart; players that name none are taken at their word.

    Raises:
        Refusal: ``ice_session_changed``.
    """
    wanted = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-match", "*").split(",")]
    if "*" not in wanted and found.etag not in wanted and found.etag.strip('"') not in wanted:
        raise Refusal("ice_session_changed", "ICE has restarted since; use the ETag of the newest answer.")
