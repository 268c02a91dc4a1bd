"""What travels over HTTP about sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from app.api.client_messages import MOST_LEVELS, MOST_UTTERANCES, Level
from app.api.ice_servers import IceServerModel
from app.api.models import RecordingView
from app.api.output_models import OutputView
from app.api.tokens import LONGEST_TTL_S, Role
from app.avatars.background import LiveBackground
from app.avatars.store import DEFAULT_ID
from app.config import Settings
from app.inference.mood import CALM, Mood
from app.pacer.schedule import Mode
from app.sessions.countenance import Hint
from app.sessions.lifetime import Lifetime
from app.sessions.session import Session
from app.sessions.session_request import SessionRequest


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MoodModel(_Asked):
    """A mood, and how much of it."""

    name: str = Field(max_length=64, description="neutral, warm, serious, surprised or sorry")
    strength: float = Field(default=1.0, ge=0, le=1)

    @classmethod
    def of(cls, mood: Mood) -> MoodModel:
        """Show a mood."""
        return cls(name=mood.name, strength=mood.strength)

    @property
    def mood(self) -> Mood:
        """The mood that it asks for.

        Raises:
            Refusal: ``no_such_mood``.
        """
        return Mood.of(self.name, self.strength)


class ListeningModel(_Asked):
    """Somebody speaks to the face: a hint, or how loud they are."""

    state: Hint | None = None
    levels: list[Level] = Field(default=[], max_length=MOST_LEVELS, description="dBFS of 40 ms each, in their order")


class SessionWish(_Asked):
    """Which face shall live, and how long."""

    avatar: str = Field(default=DEFAULT_ID, max_length=128)
    engine: str = Field(default="auto", max_length=64)
    mode: Mode = "agent"
    hold_until_viewer: bool = Field(default=False, description="playout begins with the first viewer, not at once")
    record: bool = Field(default=False, description="write what is sent to an MP4, see /api/sessions/{id}/recording")
    max_duration_s: float | None = Field(default=None, gt=0, description="the server's own limit, or less")
    idle_timeout_s: float | None = Field(default=None, gt=0, description="with neither feeder nor viewer until its end")
    next_utterance: int = Field(
        default=1, ge=1, le=MOST_UTTERANCES, description="the first number that an utterance without a name gets"
    )

    background: LiveBackground = Field(default="keep", description="what shows behind the person")
    mood: MoodModel | None = Field(default=None, description="that the face begins in")

    def request(self, settings: Settings, owner: str) -> SessionRequest:
        """Return what it asks of the service, within the server's limits, for the key with the id ``owner``.

        Raises:
            Refusal: ``no_such_mood``.
        """
        longest, idle = settings.max_duration_s, settings.idle_timeout_s
        lifetime = Lifetime(min(self.max_duration_s or longest, longest), self.idle_timeout_s or idle)
        return SessionRequest(
            self.avatar,
            self.engine,
            self.mode,
            self.hold_until_viewer,
            lifetime,
            self.record,
            owner,
            next_utterance=self.next_utterance,
            background=self.background,
            mood=self.mood.mood if self.mood else CALM,
        )


class FeedDoor(_Answer):
    """Where the voice goes in."""

    url: str = Field(description="WebSocket; attach there with the token")
    token: str


class ViewDoor(_Answer):
    """Where the face is watched."""

    whep: str = Field(description="for WHEP players, with the token as Bearer")
    watch: str = Field(description="a page to open or embed; it holds the token")
    token: str


class SessionMade(_Answer):
    """A session, and what opens it."""

    id: str
    feed: FeedDoor
    view: ViewDoor
    width: int = Field(description="pixels")
    height: int = Field(description="pixels")
    fps: int
    ice_servers: list[IceServerModel]
    expires_at: AwareDatetime


class SessionView(_Answer):
    """A session as it is now."""

    id: str
    state: Literal["waiting", "listening", "speaking"] = Field(description="waiting: for its first viewer")
    mode: Mode
    engine: str
    avatar: str
    feeder: bool = Field(description="whether somebody feeds it")
    viewers: int
    played_ms: int = Field(description="of its sound so far")
    width: int
    height: int
    recording: RecordingView | None = Field(description="null where none was asked for, or it was deleted")
    outputs: list[OutputView] = Field(description="the servers that it is pushed to")
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = Field(description="null where a socket owns it")

    @classmethod
    def of(cls, session: Session) -> SessionView:
        """Show a session."""
        avatar = session.cast.avatar
        speaking: Literal["listening", "speaking"] = "speaking" if session.is_speaking else "listening"
        return cls(
            id=session.ref,
            state=speaking if session.begun else "waiting",
            mode=session.mode,
            engine=session.cast.engine.name,
            avatar=avatar.id,
            feeder=session.fed,
            viewers=session.viewer_count,
            played_ms=session.played_ms,
            width=avatar.width,
            height=avatar.height,
            recording=RecordingView.of(session.recording.info) if session.recording else None,
            outputs=[OutputView.of(status) for status in session.outputs.all()],
            created_at=session.created_at,
            expires_at=session.expires_at,
        )


class SessionList(_Answer):
    """All open sessions, the oldest first."""

    sessions: list[SessionView]


class TokenWish(_Asked):
    """A token for somebody else."""

    role: Role
    ttl_s: float = Field(default=3600, gt=0, le=LONGEST_TTL_S)


class TokenMade(_Answer):
    """A token and its end."""

    token: str
    expires_at: datetime


class Cut(_Answer):
    """What an interrupt cut, and how much of it had been played."""

    utterance: str | None = Field(description="the one that was being played, if any")
    played_ms: int = Field(description="of that utterance")
    session_played_ms: int
