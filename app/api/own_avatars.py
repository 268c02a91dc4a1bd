"""The avatars that who asks may see, use or change; another key's are as if they were not there."""

from __future__ import annotations

from app.access.caller import Caller
from app.api.auth import require_key
from app.assets import CAST_IDS
from app.avatars.avatar_info import AvatarInfo
from app.avatars.bundled import is_bundled
from app.avatars.damage import AvatarDamaged
from app.avatars.store import DEFAULT_ID, AvatarFixed, AvatarStore, NoSuchAvatar


class OwnAvatars:
    """A store through the eyes of its callers. Every method reads files: call them off the event loop."""

    def __init__(self, store: AvatarStore) -> None:
        self._store = store

    def all(self, caller: Caller) -> list[AvatarInfo]:
        """Return those that the caller may use, the default one first; to who gives no key, that one alone."""
        if not caller.is_known:
            return [self._store.info(DEFAULT_ID)]
        return [info for info in self._store.all() if caller.may_use(info.owner)]

    def cast(self) -> list[AvatarInfo]:
        """Return the bundled ones besides the default: they are everybody's."""
        return [self._store.info(id) for id in CAST_IDS]

    def usable(self, id: str, caller: Caller) -> AvatarInfo:
        """Return an avatar's details; the bundled ones are everybody's, with a key or without.

        Raises:
            NoSuchAvatar: when it is not there, or another key's.
            Refusal: ``key_missing``.
        """
        if is_bundled(id):
            return self._store.info(id)
        require_key(caller)
        info = self._store.info(id)
        if not caller.may_use(info.owner):
            raise NoSuchAvatar(id)
        return info

    def require_usable(self, id: str, caller: Caller) -> None:
        """Let in who may use an avatar; raises as :meth:`usable` does."""
        if not is_bundled(id):  # whose size only a look at its picture tells
            self.usable(id, caller)

    def require_changeable(self, id: str, caller: Caller) -> None:
        """Let in who may change or delete an avatar.

        Raises:
            NoSuchAvatar, Refusal: as :meth:`usable` does.
            AvatarFixed: when it is everybody's, and the caller no operator.
            AvatarDamaged: likewise.
        """
        try:
            is_theirs = is_bundled(id) or caller.may_change(self.usable(id, caller).owner)
        except AvatarDamaged:  # nobody knows whose it is
            if not caller.is_operator:
                raise
            is_theirs = True
        if not is_theirs:
            raise AvatarFixed(
                "This avatar is everybody's: only the operator's keys, those in LIPWIRE_API_KEYS, change it."
            )

    def require_deletable(self, id: str, caller: Caller) -> None:
        """Let in who may delete an avatar; whose a damaged one is cannot be told, so that is the operator's to do.

        Raises:
            NoSuchAvatar, AvatarFixed, Refusal: as :meth:`require_changeable` does.
        """
        try:
            self.require_changeable(id, caller)
        except AvatarDamaged:
            if not caller.may_change(""):
                raise
