"""What an object store may answer other than what was asked for."""

from __future__ import annotations

from app.errors import Refusal


class StoreAway(Refusal):
    """The store cannot be reached, or does not do what it should. ``why`` is for the log: it may name addresses."""

    def __init__(self, why: str) -> None:
        super().__init__(
            "store_away",
            "The store of avatars and recordings cannot be used just now, and the server's log says why; "
            "try again in a minute.",
        )
        self.why = why


class NoSuchObject(LookupError):
    """There is no object of that key."""


class ObjectExists(Exception):
    """An object of that key is there already, and is not written a second time."""


class ObjectTooLarge(ValueError):
    """An object has more bytes than one of its kind may have."""
