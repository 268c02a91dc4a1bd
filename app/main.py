"""The application: every door over one service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI, WebSocket

from app import __version__
from app.api.auth import Gate
from app.api.avatars import avatar_routes
from app.api.mouths import mouth_routes
from app.api.open_to_pages import OpenToPages
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


def create_app(service: Service) -> FastAPI:
    """Make the application over a service, which starts and ends with it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await service.start()
        memory = asyncio.create_task(watch_memory(lambda: not service.sessions), name="memory watch")
        yield
        memory.cancel()
        await asyncio.gather(memory, return_exceptions=True)
        await service.aclose()

    app = FastAPI(title="Lipwire", version=__version__, lifespan=lifespan)
    answer_with_problems(app)
    gate = Gate(service.settings)
    app.include_router(status_routes(service))
    app.include_router(session_routes(service, gate))
    guards = [Depends(gate.check_key)]
    app.include_router(output_routes(service, guards))
    app.include_router(avatar_routes(service.avatars, service.casting.forget, guards))
    app.include_router(mouth_routes(service.avatars, service.casting.forget, guards))
    app.include_router(recording_routes(service.recordings, gate))
    app.add_middleware(OpenToPages, prefix=WHEP)
    app.include_router(whep_routes(service, gate))
    serve_pages(app)
    describe_socket(app)

    @app.websocket("/ws")
    async def websocket(socket: WebSocket) -> None:
        await talk(socket, service, gate)

    return app
