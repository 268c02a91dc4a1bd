"""The application: every door over one service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass

from fastapi import APIRouter, Depends, FastAPI, WebSocket
from fastapi.requests import HTTPConnection
from fastapi.telemetry import TelemetryConfig

from app import __version__
from app.api.astray import Astray
from app.api.auth import Gate
from app.api.avatars import avatar_routes
from app.api.beginnings import TICKET
from app.api.border import Border
from app.api.client_address import AddressNoted
from app.api.cut_off import CutOff
from app.api.keys import key_routes
from app.api.lingering import Lingering
from app.api.metrics import Metrics, MetricsPage, metrics_routes
from app.api.metrics_port import MetricsPort
from app.api.mouths import mouth_routes
from app.api.offer import OwnOffer
from app.api.one_session import one_session_routes
from app.api.open_to_pages import OpenToPages, open_headers
from app.api.outputs import output_routes
from app.api.pages import serve_pages
from app.api.problems import answer_with_problems
from app.api.readiness import Check, Checkup
from app.api.recordings import recording_routes
from app.api.schema import describe_socket
from app.api.sessions import session_routes
from app.api.socket import talk
from app.api.status import status_routes
from app.api.whep import PREFIX as WHEP
from app.api.whep import whep_routes
from app.api.whereabouts import Whereabouts
from app.memory import watch_memory
from app.sessions.premises import Premises
from app.sessions.service import Service

NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}


@dataclass(frozen=True)
class Doors:
    """What differs between who keeps sessions and who sends clients to them."""

    status: APIRouter
    sessions: Sequence[APIRouter]
    metrics: Metrics
    metrics_port: int  # 0: they are on the service's own port
    socket: Callable[[WebSocket], Awaitable[None]]
    running: Callable[[], AbstractAsyncContextManager[None]] = nullcontext  # besides the premises


def create_app(
    service: Service, gate: Gate | None = None, whereabouts: Whereabouts | None = None, check: Check | None = None
) -> FastAPI:
    """Make the application over a service, which starts and ends with it; ``whereabouts`` and ``check``: of a stage."""
    gate = gate or Gate(service.settings, service.keys, service.audit)

    async def websocket(socket: WebSocket) -> None:
        await talk(socket, service, gate, whereabouts)

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        memory = asyncio.create_task(watch_memory(lambda: not service.sessions), name="memory watch")
        yield
        memory.cancel()
        await asyncio.gather(memory, return_exceptions=True)

    sessions = (
        session_routes(service, gate),
        one_session_routes(service, service.recordings, gate),
        output_routes(service, gate),
        recording_routes(service.recordings, gate),
        whep_routes(service, service, gate),
    )
    metrics = MetricsPage(service)
    status = status_routes(service, check or Checkup(service), OwnOffer(service.engines, service.speech))
    doors = Doors(status, sessions, metrics, service.settings.metrics_port, websocket, running)
    return open_doors(service, gate, doors, whereabouts=whereabouts)


def open_doors(
    premises: Premises, gate: Gate, doors: Doors, connects: Sequence[str] = (), whereabouts: Whereabouts | None = None
) -> FastAPI:
    """Make an application with these doors, and with all that is the same behind whichever doors.

    ``connects`` are the sources, of a content security policy, that pages may connect to beside their own. Whoever
    comes for what is elsewhere, as ``whereabouts`` say, is sent on.
    """
    settings = premises.settings

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await premises.start()
        apart = MetricsPort(doors.metrics, settings.metrics_host, doors.metrics_port) if doors.metrics_port else None
        if apart is not None:
            apart.start()
        async with doors.running():
            yield
        if apart is not None:
            await apart.aclose()
        await premises.aclose()

    app = FastAPI(
        title="Lipwire",
        version=__version__,
        lifespan=lifespan,
        openapi_url="/openapi.json" if settings.api_pages else None,
        docs_url=None,
        redoc_url=None,
        # what is traced is chosen in telemetry/: FastAPI's own spans hold paths and queries, and so tokens
        telemetry=NO_TELEMETRY,
    )
    answer_with_problems(app)
    app.include_router(doors.status)
    for router in doors.sessions:
        app.include_router(router)
    if not doors.metrics_port:
        app.include_router(metrics_routes(doors.metrics, [Depends(gate.check_operator)]))
    app.include_router(avatar_routes(premises.avatars, premises.forget, gate, premises.share_of))
    app.include_router(mouth_routes(premises.avatars, premises.forget, gate))
    app.include_router(key_routes(premises, gate))
    if whereabouts is not None:
        app.add_middleware(Astray, whereabouts=whereabouts, gate=gate)
    app.add_middleware(OpenToPages, prefix=WHEP, headers=open_headers(settings.label))
    app.add_middleware(Lingering)
    app.add_middleware(CutOff)
    app.add_middleware(AddressNoted)
    serve_pages(app, with_api=settings.api_pages)
    describe_socket(app)
    app.websocket("/ws")(doors.socket)

    def was_sent(connection: HTTPConnection) -> bool:
        """Whether one of our servers has let it in, and sent it here."""
        has_place = whereabouts is not None and whereabouts.keeps(connection.query_params.get(TICKET, ""))
        return has_place or gate.bears_pass(connection)

    build = app.build_middleware_stack
    # around all else: what answers our own faults stands outside of the middlewares that are added
    app.build_middleware_stack = lambda: Border(build(), settings, WHEP, connects, was_sent)  # type: ignore[method-assign]
    return app
