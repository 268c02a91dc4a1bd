"""The application: every door over one service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI, WebSocket
from fastapi.telemetry import TelemetryConfig

from app import __version__
from app.api.auth import Gate
from app.api.avatars import avatar_routes
from app.api.border import Border
from app.api.client_address import AddressNoted
from app.api.cut_off import CutOff
from app.api.keys import key_routes
from app.api.lingering import Lingering
from app.api.metrics import MetricsPage, metrics_routes
from app.api.metrics_port import MetricsPort
from app.api.mouths import mouth_routes
from app.api.open_to_pages import OpenToPages, open_headers
from app.api.outputs import output_routes
from app.api.pages import serve_pages
from app.api.problems import answer_with_problems
from app.api.recordings import recording_routes
from app.api.schema import describe_socket
from app.api.sessions import session_routes
from app.api.socket import talk
from app.api.status import status_routes
from app.api.whep import PREFIX as WHEP
from app.api.whep import whep_routes
from app.memory import watch_memory
from app.sessions.service import Service

NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}


def create_app(service: Service) -> FastAPI:
    """Make the application over a service, which starts and ends with it."""

    settings, metrics = service.settings, MetricsPage(service)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await service.start()
        memory = asyncio.create_task(watch_memory(lambda: not service.sessions), name="memory watch")
        apart = MetricsPort(metrics, settings.metrics_host, settings.metrics_port) if settings.metrics_port else None
        if apart is not None:
            apart.start()
        yield
        if apart is not None:
            await apart.aclose()
        memory.cancel()
        await asyncio.gather(memory, return_exceptions=True)
        await service.aclose()

    described_at = "/openapi.json" if settings.api_pages else None
    app = FastAPI(
        title="Lipwire",
        version=__version__,
        lifespan=lifespan,
        openapi_url=described_at,
        docs_url=None,
        redoc_url=None,
        # what is traced is chosen in telemetry/: FastAPI's own spans hold paths and queries, and so tokens
        telemetry=NO_TELEMETRY,
    )
    answer_with_problems(app)
    gate = Gate(settings, service.keys, service.audit)
    app.include_router(status_routes(service))
    app.include_router(session_routes(service, gate))
    if not settings.metrics_port:
        app.include_router(metrics_routes(metrics, [Depends(gate.check_operator)]))
    app.include_router(output_routes(service, gate))
    app.include_router(avatar_routes(service.avatars, service.casting.forget, gate, service.share_of))
    app.include_router(mouth_routes(service.avatars, service.casting.forget, gate))
    app.include_router(key_routes(service, gate))
    app.include_router(recording_routes(service.recordings, gate))
    app.add_middleware(OpenToPages, prefix=WHEP, headers=open_headers(settings.label))
    app.add_middleware(Lingering)
    app.add_middleware(CutOff)
    app.include_router(whep_routes(service, gate))
    app.add_middleware(AddressNoted)
    serve_pages(app, with_api=settings.api_pages)
    describe_socket(app)

    @app.websocket("/ws")
    async def websocket(socket: WebSocket) -> None:
        await talk(socket, service, gate)

    build = app.build_middleware_stack
    # around all else: what answers our own faults stands outside of the middlewares that are added
    app.build_middleware_stack = lambda: Border(build(), settings, WHEP)  # type: ignore[method-assign]
    return app
