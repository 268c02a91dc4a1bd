"""What a front has of the service: keys, avatars and recordings, and no sessions."""

from __future__ import annotations

from pathlib import Path

from app.access.key_ring import KeyRing
from app.access.minutes import USAGE, Minutes
from app.clock import Clock
from app.cluster.shared_owners import SharedOwners
from app.config import Settings
from app.inference.engines.registry import Engines
from app.rtc.ice_network import IceNetwork
from app.sessions.premises import Premises


class Lobby(Premises):
    """Premises whose sessions live elsewhere: it draws nothing, and measures nothing.

    ``keys``: where they are not in the data folder. For what else may be given see :class:`Premises`.
    """

    def __init__(
        self, settings: Settings, clock: Clock, keys: KeyRing | None = None, old_folder: Path | None = None
    ) -> None:
        keys = keys or KeyRing.of(settings)
        self.shared_owners = SharedOwners(keys, Minutes(settings.data_dir / USAGE), clock)
        super().__init__(settings, clock, keys, self.shared_owners, old_folder)
        self.network = IceNetwork.of(settings)
        self.engines = Engines(settings.weights_dir, settings.engine, settings.threads, life=settings.life)
