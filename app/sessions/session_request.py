"""What is asked for where a session is opened."""

from __future__ import annotations

from dataclasses import dataclass

from app.avatars.background import LiveBackground
from app.avatars.store import DEFAULT_ID
from app.inference.mood import CALM, Mood
from app.pacer.schedule import Mode
from app.sessions.lifetime import Lifetime


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """Which face shall live, and how.

    ``hold_until_viewer``: playout begins with the first viewer, not at once. ``lifetime``: when the service closes the
    session by itself; None: whoever opened it does. ``record``: what is sent is written to a file. ``owner``: the id of
    the key that asks, empty where there are none. ``address``: of who asks. ``next_utterance``: where the numbering of
    utterances without a name begins. ``id``: of a session that comes back, or comes from elsewhere; empty: a new one.
    ``background``: what shows behind the person.
    ``mood``: that the face begins in.
    """

    avatar: str = DEFAULT_ID
    engine: str = "auto"
    mode: Mode = "live"
    hold_until_viewer: bool = False
    lifetime: Lifetime | None = None
    record: bool = False
    owner: str = ""
    address: str = ""
    next_utterance: int = 1
    id: str = ""
    background: LiveBackground = "keep"
    mood: Mood = CALM
