"""What a stage is made of, in its thread."""

from __future__ import annotations

import socket
from dataclasses import asdict, dataclass

from app.access.caller import Caller
from app.access.key_ring import KeyRing
from app.api.auth import Gate
from app.api.whereabouts import At
from app.clock import wall_clock
from app.cluster.lease import Item
from app.cluster.leases import Leases
from app.cluster.moves import Moves
from app.cluster.roll import Roll
from app.cluster.seals import Owner, Seals
from app.cluster.stage_checkup import StageCheckup
from app.cluster.stage_settings import settings_of_stage, site_of
from app.cluster.stage_whereabouts import StageWhereabouts, Twin
from app.config import Settings, SettingsError
from app.main import create_app
from app.server import Server, check_parts, server_over
from app.session_ref import DOT
from app.sessions.service import Service


@dataclass(frozen=True)
class StageParts:
    """A stage, not yet running. On its own event loop."""

    id: str
    site: str  # where it is reached, by its clients or by the proxy before it
    service: Service
    server: Server
    leases: Leases
    moves: Moves
    roll: Roll

    @classmethod
    def make(cls, settings: Settings, id: str, ip: str, seals: Seals, listeners: list[socket.socket]) -> StageParts:
        """Build them.

        Raises:
            SettingsError, EngineUnavailable, LandmarkFilesMissing, CredentialsError: as ``serve`` would.
        """
        keys = KeyRing.of(settings)  # that of the node, not of this stage's folder
        own = settings_of_stage(settings, keys, listeners[0], ip)
        site = site_of(own, ip) if own.shares_one_name else own.public_url
        try:
            seal = seals.seal(Owner(site, id))
        except ValueError as error:
            raise SettingsError(str(error)) from error

        def ref_of(bare: str) -> str:
            return f"{bare}{DOT}{seal}"

        service = Service(own, ref_of=ref_of, keys=keys)
        check_parts(own, service.engines)
        gate = Gate(own, keys, service.audit, of_stage=True)
        leases = Leases(service, gate, ref_of)
        whereabouts = StageWhereabouts(service, leases.tickets, seals, Owner(site, id))
        roll = Roll(own.ssl_certfile)

        async def end_twin(twin: Twin, owner: str) -> bool:
            proven = gate.pass_for(twin.ref, caller=Caller(owner)) if owner else ""
            return await roll.end(At(twin.ref, twin.site), proven)

        server = server_over(service, create_app(service, gate, whereabouts, StageCheckup(service, leases)), listeners)
        return cls(id, site, service, server, leases, Moves(service, leases, whereabouts, end_twin), roll)

    def engines(self) -> Item:
        """Say which engines can run here. It looks for files: call it off the event loop."""
        engines = self.service.engines
        return {"engines": [asdict(each) for each in engines.statuses()], "auto": engines.resolve("auto")}

    def card(self) -> Item:
        """Say what the stage is and has, but for its engines."""
        service = self.service
        return {
            "stage": self.id,
            "url": self.site,
            "places": service.settings.max_sessions,
            "sessions": [
                {
                    "bare": each.id,
                    "ref": each.ref,
                    "owner": each.owner,
                    "since_s": round(each.age_s, 1),
                    **asdict(self.leases.origin_of(each.id)),
                }
                for each in service.sessions.values()
            ],
            "kept": [{"id": each.id, "owner": each.owner, "address": each.address} for each in self.leases.tickets],
            "load": round(service.entrance.load, 3),
            "draining": self.leases.draining,
            "minutes": service.owners.minutes_today(),
            "at": wall_clock().timestamp(),
        }
