"""The front's application: all of the service's doors, and sessions that live on stages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute

from app.api.auth import Gate
from app.api.offer import OwnOffer
from app.api.outputs import output_routes
from app.api.recordings import recording_routes
from app.api.sessions import session_routes
from app.api.status import status_routes
from app.api.whep import whep_routes
from app.clock import Clock
from app.cluster.front_sessions import front_session_routes
from app.cluster.front_socket import FrontSocket
from app.cluster.front_status import FrontCheckup, FrontMetrics, stage_routes
from app.cluster.lobby import Lobby
from app.cluster.owners_route import owner_routes
from app.cluster.placing import Placing
from app.cluster.reception import Reception
from app.cluster.redirects import SentOn, answer_elsewhere
from app.cluster.revival import Revival, revival_routes
from app.cluster.roll import Roll
from app.cluster.stages_offer import StagesOffer
from app.cluster.whereabouts import Whereabouts
from app.main import Doors, open_doors
from app.media import NS_PER_S


@dataclass(frozen=True)
class Backstage:
    """What a front has behind it: who places sessions, who knows where they are, and who asks stages for theirs."""

    placing: Placing
    whereabouts: Whereabouts
    roll: Roll


def front_app(lobby: Lobby, gate: Gate, backstage: Backstage, sources: Sequence[str] = ()) -> FastAPI:
    """Make the application. ``sources``: where its pages may connect to, of a content security policy."""
    placing, whereabouts = backstage.placing, backstage.whereabouts
    reception = Reception(lobby, placing, whereabouts)
    settings = lobby.settings
    name = settings.stage_url if settings.shares_one_name else ""
    to_proxies = (owner_routes(whereabouts.site_of, settings.trusted_proxies),) if name else ()
    of_one = (
        _about_one(session_routes(lobby, gate)),
        output_routes(lobby, gate),
        recording_routes(lobby.recordings, gate),
        whep_routes(lobby, gate),
    )
    sent_on, sent = APIRouter(), SentOn(whereabouts, gate, lobby.recordings, name)
    for router in of_one:
        sent_on.include_router(router, dependencies=[Depends(sent)])

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        counting = asyncio.create_task(_keep_up(reception, whereabouts, lobby.clock), name="what stages say")
        yield
        counting.cancel()
        await asyncio.gather(counting, return_exceptions=True)
        await placing.aclose()
        await backstage.roll.aclose()

    offer = StagesOffer(OwnOffer(lobby), whereabouts, backstage.roll, lobby.clock)
    doors = Doors(
        status=status_routes(lobby, FrontCheckup(whereabouts), offer),
        sessions=(
            stage_routes(whereabouts, gate),
            front_session_routes(lobby, gate, reception, whereabouts, backstage.roll),
            revival_routes(Revival(lobby, gate, reception, whereabouts, backstage.roll), gate),
            sent_on,
            *to_proxies,
        ),
        metrics=FrontMetrics(whereabouts, placing),
        metrics_port=0,  # of a machine, which has several of us
        socket=FrontSocket(lobby, gate, reception, whereabouts),
        running=running,
    )
    app = open_doors(lobby, gate, doors, sources)
    answer_elsewhere(app)
    return app


async def _keep_up(reception: Reception, whereabouts: Whereabouts, clock: Clock) -> None:
    """Keep what is shown of quotas a second old at most, and have the directory hear what it has missed."""
    while True:
        await reception.count()
        await whereabouts.tell_lost()
        await clock.sleep_until(clock.now_ns() + NS_PER_S)


def _about_one(router: APIRouter) -> APIRouter:
    """Leave out the routes that are about no session in particular, and those that nobody is sent on for."""
    router.routes = [route for route in router.routes if isinstance(route, APIRoute) and _is_sent_on(route)]
    return router


def _is_sent_on(route: APIRoute) -> bool:
    """Tell whether a route is about one session, and not for the front itself (``front_sessions.py``)."""
    return "{" in route.path and (route.methods != {"DELETE"} or not route.path.endswith("/{id}"))
