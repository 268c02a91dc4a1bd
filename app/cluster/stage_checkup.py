"""Whether a stage takes sessions."""

from __future__ import annotations

from app.api.readiness import Checkup, Why
from app.cluster.leases import Leases
from app.sessions.service import Service


class StageCheckup(Checkup):
    """Looks as at a plain service; one that is being emptied lets nobody in either, while its sessions move away."""

    def __init__(self, service: Service, leases: Leases) -> None:
        super().__init__(service)
        self._leases = leases

    async def why_not_ready(self) -> Why | None:
        """Return what is wrong; None where nothing is."""
        return "draining" if self._leases.draining else await super().why_not_ready()
