"""What a server has besides sessions: avatars, recordings, keys and what they used, the audit."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from app.access.audit import Audit
from app.access.caller import Caller
from app.access.key_ring import KeyRing
from app.avatars.share import Share
from app.clock import Clock
from app.config import Settings
from app.provenance.origin import Origin
from app.sessions.avatar_expiry import AvatarExpiry
from app.sessions.kept_bytes import KeptBytes
from app.sessions.owners import Owners
from app.sessions.recordings import Recordings
from app.sessions.shared import Shared
from app.sessions.stores import Stores
from app.speech.openai_compatible import OpenAiServer
from app.speech.speech import find_speech
from app.telemetry import make_tracing


class Premises:
    """Opens and closes the stores. ``start`` and ``aclose`` belong together, on the event loop.

    ``owners``: who counts what the ``keys`` have of sessions. ``old_folder``: the data folder from before there was a
    shared store, where that is another one.
    """

    def __init__(
        self, settings: Settings, clock: Clock, keys: KeyRing, owners: Owners, old_folder: Path | None = None
    ) -> None:
        self.settings, self.clock = settings, clock
        self.keys, self.owners = keys, owners
        self.audit = Audit(settings.audit_file)
        self.tracing = make_tracing(settings.traces)
        self.speech = find_speech(
            OpenAiServer(settings.speech_url, settings.speech_key, settings.speech_model, settings.speech_voice)
        )
        origin = Origin.of(settings)
        stores = Stores.of(settings, origin)
        self.avatars = stores.avatars
        self.recordings = Recordings(stores.recordings, origin, clock)
        self.shared = Shared(stores, settings.avatars_keep_days, clock, self.forget, old_folder or settings.data_dir)
        self.kept_bytes = KeptBytes(self.keys, self.avatars, self.recordings)
        self.expiry = AvatarExpiry(self.avatars, settings.avatars_keep_days, clock, self.avatars_in_use, self.forget)

    async def start(self) -> None:
        """Make ready what people come for who have no session."""
        self.tracing.start()
        await asyncio.to_thread(_make_folder, self.settings.data_dir)
        await self.shared.start()
        self.recordings.start()
        await self.owners.start()
        self.expiry.start()

    async def aclose(self) -> None:
        """End what runs, and write what is to be kept."""
        await self.recordings.aclose()
        await self.shared.aclose()
        await self.expiry.aclose()
        await self.owners.aclose()
        await asyncio.to_thread(self.audit.close)
        await self.speech.aclose()
        await self.tracing.aclose()

    def forget(self, avatar: str) -> None:
        """Drop what was made of an avatar that is gone, or was changed."""

    def avatars_in_use(self) -> set[str]:
        """Return the avatars that must stay: those of sessions."""
        return set()

    async def share_of(self, caller: Caller) -> Share:
        """Return how much of the avatars' store is the caller's."""
        key = self.keys.by_id(caller.id)
        if key is None:
            return Share(caller.id)
        return Share(caller.id, key.quota.avatars, await self.kept_bytes.left(caller.id))


def _make_folder(path: Path) -> None:
    """Make the data folder, so that one that is missing later is known to be gone."""
    with contextlib.suppress(OSError):  # `/readyz` tells
        path.mkdir(parents=True, exist_ok=True)
