"""``/api/sessions/{id}``: one session watched over from outside, by the key whose it is."""

from __future__ import annotations

from typing import Protocol

from fastapi import APIRouter, Depends

from app.access.caller import Caller
from app.api.auth import Asking, Gate
from app.api.bodies import JsonRoute
from app.api.problems import BAD_JSON, NO_KEY, problems
from app.api.session_made import feed_token
from app.api.session_models import Cut, ListeningModel, MoodModel, SessionView, TokenMade, TokenWish
from app.session_ref import bare
from app.sessions.recordings import Recordings
from app.sessions.session import Session


class OwnSessions(Protocol):
    """Who knows the sessions, and whose they are."""

    def find_own(self, id: str, caller: Caller) -> Session:
        """Return an open session of the caller's, or raise ``no_such_session``."""
        ...


def one_session_routes(sessions: OwnSessions, recordings: Recordings, gate: Gate) -> APIRouter:
    """Make the routes about a session, but for its end, which is ``sessions.py``'s."""
    router = APIRouter(
        prefix="/api/sessions", tags=["sessions"], dependencies=[Depends(gate.check_key)], route_class=JsonRoute
    )

    @router.get("/{id}", responses=problems(*NO_KEY, "no_such_session"))
    async def get_session(id: str, caller: Asking) -> SessionView:
        return SessionView.of(sessions.find_own(id, caller))

    @router.post(
        "/{id}/tokens", status_code=201, responses=problems(*BAD_JSON, *NO_KEY, "no_such_session", "no_recording")
    )
    async def make_token(id: str, wish: TokenWish, caller: Asking) -> TokenMade:
        with gate.audit.act("token_issued", session=bare(id), role=wish.role, ttl_s=wish.ttl_s):
            if wish.role == "recording":  # which stays when its session has ended
                await recordings.require_own(id, caller)
            else:
                session = sessions.find_own(id, caller)
            if wish.role == "feed":
                token = feed_token(session, gate, wish.ttl_s)
            else:
                token = gate.tokens.issue(id, wish.role, wish.ttl_s)
        return TokenMade(token=token.text, expires_at=token.expires_at)

    @router.post("/{id}/interrupt", responses=problems(*NO_KEY, "no_such_session"))
    async def interrupt(id: str, caller: Asking) -> Cut:
        with gate.audit.act("session_interrupted", session=bare(id)):
            cut = sessions.find_own(id, caller).interrupt(from_outside=True)
        return Cut(utterance=cut.utterance, played_ms=cut.played_ms, session_played_ms=cut.session_played_ms)

    @router.get("/{id}/mood", responses=problems(*NO_KEY, "no_such_session"))
    async def get_mood(id: str, caller: Asking) -> MoodModel:
        return MoodModel.of(sessions.find_own(id, caller).mood)

    @router.put("/{id}/mood", responses=problems(*BAD_JSON, *NO_KEY, "no_such_session", "no_such_mood"))
    async def set_mood(id: str, wish: MoodModel, caller: Asking) -> MoodModel:
        session = sessions.find_own(id, caller)
        session.feel(wish.mood)
        return MoodModel.of(session.mood)

    @router.post("/{id}/listening", status_code=204, responses=problems(*BAD_JSON, *NO_KEY, "no_such_session"))
    async def listen(id: str, heard: ListeningModel, caller: Asking) -> None:
        session = sessions.find_own(id, caller)
        if heard.state is not None:
            session.listen(heard.state)
        session.hear(heard.levels)

    return router
