"""``/api/sessions/{id}/revival``: a session whose stage has died, made anew under its name."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from app.access.caller import Caller
from app.api.auth import Gate, bearer_of
from app.api.bodies import JsonRoute
from app.api.client_messages import MOST_UTTERANCES
from app.api.ice_servers import IceServerModel
from app.api.problems import BAD_JSON, NO_FACE_TO_OPEN, NO_KEY, NO_TOKEN, problems
from app.api.session_made import WishClaims
from app.api.session_models import FeedDoor, SessionMade, ViewDoor
from app.api.tokens import TOKEN_PREFIX
from app.api.whereabouts import At, socket_at
from app.cluster.front_sessions import made
from app.cluster.lobby import Lobby
from app.cluster.reception import Reception
from app.cluster.roll import Roll
from app.cluster.whereabouts import MOVING, Whereabouts
from app.errors import Refusal
from app.log_context import KEY, for_session
from app.media import VIDEO_FPS
from app.session_ref import bare


class RevivalWish(BaseModel):
    """Where to go on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    next_utterance: int = Field(
        default=1, ge=1, le=MOST_UTTERANCES, description="the first number that an utterance without a name gets"
    )
    token: str = Field(default="", max_length=4096, repr=False, description="the feed token, where a key is the Bearer")


class Revival:
    """Has one session live in one place, whoever asks for it and how often.

    Bound: one entry a session that is being revived here.
    """

    def __init__(self, lobby: Lobby, gate: Gate, reception: Reception, whereabouts: Whereabouts, roll: Roll) -> None:
        self._lobby, self._gate, self._reception = lobby, gate, reception
        self._whereabouts, self._roll = whereabouts, roll
        self._reviving: set[str] = set()

    async def revive(self, ref: str, token: str, next_utterance: int) -> Response:
        """Answer with the session where it lives, or where it was made anew.

        Raises:
            Refusal: ``session_moving``, ``no_such_session``; as the gate does, and as placing does.
        """
        id = bare(ref)
        claims = WishClaims.parse(self._gate.tokens.wish_in(token, id) or {})
        self._gate.require_owner(claims.owner)
        KEY.set(claims.owner)
        request = claims.request(id, next_utterance)
        if id in self._reviving:
            raise Refusal("session_moving", MOVING)
        self._reviving.add(id)
        try:
            at = await self._whereabouts.claim(ref)
            if at is not None:
                return JSONResponse((await self._living(at, claims, token)).model_dump(mode="json"))
            return await self._anew(ref, request, token)
        finally:
            self._reviving.discard(id)

    async def _anew(self, ref: str, request: Any, token: str) -> Response:
        with self._gate.audit.act("session_revived", key=request.owner, session=request.id):
            try:
                placed = await self._reception.place("session", request, request.id)
            except BaseException:
                await self._whereabouts.give_up(ref)
                raise
        said = SessionMade.model_validate(placed["made"])
        feed = said.feed.model_copy(update={"token": token})
        said = said.model_copy(update={"feed": feed, "view": self._view(said.id, said.view.whep, token)})
        status = 200 if placed.get("again") else 201
        return made({**placed, "made": said.model_dump(mode="json")}, status)

    def _view(self, ref: str, whep: str, token: str) -> ViewDoor:
        """Let who feeds it watch it too, for as long as their own token says: what was lent for a minute ends then."""
        watch = self._gate.tokens.issue(bare(ref), "view", max(1.0, self._gate.tokens.left_s(token, bare(ref)))).text
        return ViewDoor(whep=whep, watch=f"{self._lobby.settings.front_url}/watch/{ref}#token={watch}", token=watch)

    async def _living(self, at: At, claims: WishClaims, token: str) -> SessionMade:
        """Describe a session that lives.

        Raises:
            Refusal: ``no_such_session``, or ``session_moving`` where its stage does not answer.
        """
        id = bare(at.ref)
        site = self._lobby.settings.shown(at.url)
        proven = self._gate.pass_for(id, caller=Caller(claims.owner)) if claims.owner else ""
        view = await self._roll.view(at, proven)
        return SessionMade(
            id=at.ref,
            feed=FeedDoor(url=socket_at(site, at.ref), token=token),
            view=self._view(at.ref, f"{site}/whep/{at.ref}", token),
            width=view["width"],
            height=view["height"],
            fps=VIDEO_FPS,
            ice_servers=[IceServerModel.of(server) for server in self._lobby.network.ice_servers()],
            expires_at=view["expires_at"],
        )


def revival_routes(revival: Revival, gate: Gate) -> APIRouter:
    """Make the route."""
    router = APIRouter(prefix="/api/sessions/{id}/revival", tags=["sessions"], route_class=JsonRoute)

    @router.post(
        "",
        status_code=201,
        response_model=SessionMade,
        responses={
            200: {"model": SessionMade, "description": "It lives already."},
            **problems(*BAD_JSON, *NO_KEY, *NO_TOKEN, *NO_FACE_TO_OPEN, "no_such_session", "session_moving"),
        },
    )
    async def revive(id: str, request: Request, wish: RevivalWish | None = None) -> Response:
        wish = wish or RevivalWish()
        token = bearer_of(request)
        if token and not token.startswith(TOKEN_PREFIX):
            await gate.check_key(request)
            token = wish.token
        with for_session(bare(id)):
            return await revival.revive(id, token, wish.next_utterance)

    return router
