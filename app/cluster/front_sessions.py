"""``/api/sessions`` at the front: sessions are made where there is room, and listed from everywhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Request, Response
from fastapi.responses import JSONResponse

from app.api.astray import address_at
from app.api.auth import Asking, Gate
from app.api.bodies import JsonRoute
from app.api.problems import BAD_JSON, NO_FACE_TO_OPEN, NO_KEY, problems
from app.api.session_models import SessionList, SessionMade, SessionWish
from app.api.whereabouts import Elsewhere
from app.cluster.lease import Item
from app.cluster.lobby import Lobby
from app.cluster.reception import Reception
from app.cluster.roll import Roll
from app.cluster.whereabouts import Whereabouts
from app.peer_address import address_of
from app.sessions.service import no_such_session
from app.tracing import following


def front_session_routes(
    lobby: Lobby, gate: Gate, reception: Reception, whereabouts: Whereabouts, roll: Roll
) -> APIRouter:
    """Make the routes over all sessions; those about one are sent on (``redirects.py``).

    One alone is not: a page that is closed asks for the end of its session, and is there no more to go where it is
    sent.
    """
    router = APIRouter(
        prefix="/api/sessions", tags=["sessions"], dependencies=[Depends(gate.check_key)], route_class=JsonRoute
    )

    @router.post(
        "", status_code=201, response_model=SessionMade, responses=problems(*BAD_JSON, *NO_KEY, *NO_FACE_TO_OPEN)
    )
    async def make(
        request: Request, caller: Asking, wish: Annotated[SessionWish, Body(default_factory=SessionWish)]
    ) -> Response:
        with following(lobby.tracing.begin("session start", request.headers)):
            address = address_of(request.client and request.client.host)
            asked = replace(wish.request(lobby.settings, caller.id), address=address)
            placed = await reception.place("session", asked)
        return made(placed, 201)

    @router.get("", response_model=SessionList, responses=problems(*NO_KEY))
    async def list_sessions(caller: Asking) -> Response:
        proven = gate.pass_for("", caller=caller) if caller.id else ""
        sessions = await roll.call(await whereabouts.cards(), proven)
        return JSONResponse({"sessions": sessions})

    @router.delete("/{id}", status_code=204, responses=problems(*NO_KEY, "no_such_session"))
    async def end_session(id: str, request: Request, caller: Asking) -> None:
        at = await whereabouts.find(id, caller.may_change)
        proven = gate.pass_for(id, caller=caller) if caller.id else ""
        is_ended = await roll.delete(at, proven) if at is not None else False
        if at is not None and is_ended is None:
            raise Elsewhere(address_at(at.url, request, proven or None, (id, at.ref)))
        if not is_ended:
            raise no_such_session(id)

    return router


def made(placed: Item, status: int) -> Response:
    """Answer with a session that a stage has made."""
    return JSONResponse(placed["made"], status, {"Location": f"/api/sessions/{placed['ref']}"})
