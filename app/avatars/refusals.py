"""Why an avatar is not given, changed or kept."""

from __future__ import annotations

from app.errors import Refusal


class NoSuchAvatar(LookupError):
    """There is no avatar of that id."""


class AvatarFixed(Refusal):
    """A bundled avatar can be neither deleted nor corrected."""

    def __init__(self, message: str) -> None:
        super().__init__("avatar_fixed", message)


class StoreFull(Refusal):
    """No more avatars are kept."""

    def __init__(self) -> None:
        super().__init__("store_full", "No more avatars are kept here; delete some first.")


def not_correctable() -> AvatarFixed:
    """Make the refusal of who would correct a bundled one."""
    return AvatarFixed("A face that comes with Lipwire cannot be corrected; only a face of your own can be.")


def not_deletable() -> AvatarFixed:
    """Make the refusal of who would delete a bundled one."""
    return AvatarFixed("A face that comes with Lipwire cannot be deleted; only a face of your own can be.")
