"""Whose an avatar will be, and how much of the store is theirs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """``owner``: the id of the key that makes it, empty where there are none. ``most_avatars``: how many that key may
    keep, 0 is any number. ``room_bytes``: how much it may keep beside what it does; None is any number.
    """

    owner: str = ""
    most_avatars: int = 0
    room_bytes: int | None = None


EVERYBODY = Share()
