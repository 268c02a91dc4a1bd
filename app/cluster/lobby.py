"""What a front has of the service: keys, avatars and recordings, and no sessions."""

from __future__ import annotations

from pathlib import Path

from app.access.key_ring import KeyRing
from app.access.minutes import USAGE, Minutes
from app.clock import Clock
from app.cluster.shared_owners import SharedOwners
from app.config import Settings
from app.sessions.premises import Premises
from app.sessions.service import Service


class Lobby(Service):
    """A service whose sessions live elsewhere: it starts no inference thread, and measures nothing."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock | None = None,
        keys: KeyRing | None = None,
        old_folder: Path | None = None,
    ) -> None:
        super().__init__(settings, clock, keys=keys, old_folder=old_folder)
        self.owners = self.shared_owners = SharedOwners(self.keys, Minutes(settings.data_dir / USAGE), self.clock)

    async def start(self) -> None:
        """Make ready what people come for who have no session."""
        await Premises.start(self)
        self.started = True
