"""What a stage says of itself, once a second."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import BaseModel, ConfigDict, Field


class _Said(BaseModel):
    # stages of the next release, beside us for a while, may say more
    model_config = ConfigDict(frozen=True, extra="ignore")


class SessionCard(_Said):
    """A session that lives on a stage: ``bare`` id, ``ref`` as clients know it there, the ``owner``'s key id.

    ``place``: the id of the place that was kept for it, where one was. ``address``: from where it was asked for.
    """

    bare: str
    ref: str
    owner: str = ""
    place: str = ""
    address: str = ""
    since_s: float = 0.0


class PlaceCard(_Said):
    """A place that a stage keeps for somebody who is on their way; its ``id`` is no ticket."""

    id: str
    owner: str = ""
    address: str = ""


class EngineCard(_Said):
    """An engine, and whether it can run on a stage; ``why`` not."""

    name: str
    available: bool
    why: str = ""


class Card(_Said):
    """A stage: where clients reach it, and other machines (``inner``); how many places it has, and who has them."""

    stage: str
    url: str
    inner: str = ""
    places: int
    sessions: tuple[SessionCard, ...] = ()
    kept: tuple[PlaceCard, ...] = ()
    load: float = 0.0
    draining: bool = False
    minutes: dict[str, float] = Field(default_factory=dict, description="of sessions there today, by key")
    engines: tuple[EngineCard, ...] = ()
    auto: str = Field(default="", description="what that means there")
    at: float = 0.0
    version: str = ""
    node: str = ""
    pid: int = 0

    def without(self, ended: Collection[str]) -> Card:
        """Leave out who is known to have left since: sessions by their references or places, and places that are kept.

        A session that has moved is another one where it is now, whatever it is called.
        """
        return self.model_copy(
            update={
                "sessions": tuple(each for each in self.sessions if each.ref not in ended and each.place not in ended),
                "kept": tuple(each for each in self.kept if each.id not in ended),
            }
        )
