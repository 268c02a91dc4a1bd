"""What whoever made a session gets to know, and what of it is kept in its feed token."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.api.auth import Gate
from app.api.ice_servers import IceServerModel
from app.api.session_models import FeedDoor, SessionMade, ViewDoor
from app.api.tokens import Token
from app.api.whereabouts import socket_at
from app.avatars.background import LiveBackground
from app.clock import wall_clock
from app.errors import Refusal
from app.media import VIDEO_FPS
from app.pacer.schedule import Mode
from app.sessions.lifetime import Lifetime
from app.sessions.session import Session
from app.sessions.session_request import SessionRequest


def describe_made(session: Session, gate: Gate, site: str, pages: str = "") -> SessionMade:
    """Say how a session is fed and watched at a ``site``; its page is at the site ``pages``, where that is another."""
    lifetime, expires_at = session.limits.lifetime, session.expires_at
    assert lifetime is not None and expires_at is not None
    feed = feed_token(session, gate, lifetime.max_duration_s)
    view = gate.tokens.issue(session.id, "view", lifetime.max_duration_s)
    avatar = session.cast.avatar
    return SessionMade(
        id=session.ref,
        feed=FeedDoor(url=socket_at(site, session.ref), token=feed.text),
        # a fragment is not sent to servers, so that the token stands in no log
        view=ViewDoor(
            whep=f"{site}/whep/{session.ref}",
            watch=f"{pages or site}/watch/{session.ref}#token={view.text}",
            token=view.text,
        ),
        width=avatar.width,
        height=avatar.height,
        fps=VIDEO_FPS,
        ice_servers=[IceServerModel.of(server) for server in session.network.ice_servers()],
        expires_at=expires_at,
    )


def feed_token(session: Session, gate: Gate, ttl_s: float) -> Token:
    """Make a feed token; a stage's holds what it takes to have the session again, should the stage die."""
    wish = WishClaims.of(session).model_dump() if gate.of_stage and session.limits.lifetime is not None else None
    return gate.tokens.issue(session.id, "feed", ttl_s, wish)


class WishClaims(BaseModel):
    """What a session was asked for. ``end``: seconds since 1970, when it ends at the latest."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    avatar: str = Field(max_length=128)
    engine: str = Field(max_length=64)
    mode: Mode
    background: LiveBackground = "keep"
    record: bool = False
    owner: str = ""
    idle_s: float = Field(gt=0)
    end: float

    @classmethod
    def of(cls, session: Session) -> WishClaims:
        """Read a session that no socket owns."""
        lifetime, expires_at = session.limits.lifetime, session.expires_at
        assert lifetime is not None and expires_at is not None
        return cls(
            avatar=session.cast.avatar.id,
            engine=session.cast.engine.name,
            mode=session.mode,
            background=session.cast.background,
            record=session.recording is not None,
            owner=session.owner,
            idle_s=lifetime.idle_timeout_s,
            end=expires_at.timestamp(),
        )

    @classmethod
    def parse(cls, claims: Mapping[str, Any]) -> WishClaims:
        """Read what a token says.

        Raises:
            Refusal: ``token_invalid``.
        """
        try:
            return cls.model_validate(claims)
        except ValidationError:
            raise Refusal("token_invalid", "This token does not say what its session was; make another.") from None

    def request(self, id: str, next_utterance: int = 1, hold_until_viewer: bool = False) -> SessionRequest:
        """Ask for the session with that bare id again, until the end that it had.

        Raises:
            Refusal: ``no_such_session``, where that has come.
        """
        left_s = (datetime.fromtimestamp(self.end, UTC) - wall_clock()).total_seconds()
        if left_s <= 0:
            raise Refusal("no_such_session", "This session's time is up; make another.")
        return SessionRequest(
            self.avatar,
            self.engine,
            self.mode,
            hold_until_viewer,
            lifetime=Lifetime(left_s, self.idle_s),
            record=self.record,
            owner=self.owner,
            next_utterance=next_utterance,
            id=id,
            background=self.background,
        )
