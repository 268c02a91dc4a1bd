"""How much of the disk what a key made takes."""

from __future__ import annotations

import asyncio
from collections import Counter

from app.access.key_ring import KeyRing
from app.avatars.avatar_folder import over_bytes
from app.avatars.store import AvatarStore
from app.sessions.recordings import Recordings


class KeptBytes:
    """Adds up avatars and recordings by their owner, one that is being written included."""

    def __init__(self, keys: KeyRing, avatars: AvatarStore, recordings: Recordings) -> None:
        self._keys, self._avatars, self._recordings = keys, avatars, recordings

    async def by_owner(self) -> Counter[str]:
        """Return the bytes of each owner."""
        avatars = await asyncio.to_thread(self._avatars.bytes_by_owner)
        return avatars + await self._recordings.bytes_by_owner()

    async def left(self, owner: str) -> int | None:
        """Return how many bytes a key may still keep, None where that is any number; below 0 where it keeps more."""
        key = self._keys.by_id(owner) if owner else None
        if key is None or not key.quota.megabytes:
            return None
        return key.quota.bytes - (await self.by_owner())[owner]

    async def require_room(self, owner: str) -> None:
        """Let a key keep more.

        Raises:
            Refusal: ``quota_bytes``.
        """
        left = await self.left(owner)
        if left is not None and left <= 0:
            raise over_bytes()
