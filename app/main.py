"""The application: routes over one service."""

from __future__ import annotations

import asyncio
import mimetypes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict

from fastapi import FastAPI, Response, WebSocket
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from app import __version__
from app.api.avatars import avatar_routes
from app.api.metrics import METRICS_TYPE, render_metrics
from app.api.models import EngineList, EngineView, Health
from app.api.mouths import mouth_routes
from app.api.problems import answer_with_problems, problems
from app.api.socket import talk
from app.assets import WEB
from app.memory import watch_idle_memory
from app.sessions.service import Service


def create_app(service: Service) -> FastAPI:
    """Make the application over a service, which starts and ends with it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await service.start()
        memory = asyncio.create_task(watch_idle_memory(lambda: not service.sessions), name="idle memory")
        yield
        memory.cancel()
        await asyncio.gather(memory, return_exceptions=True)
        await service.aclose()

    app = FastAPI(title="Lipwire", version=__version__, lifespan=lifespan)
    answer_with_problems(app)
    app.include_router(avatar_routes(service.avatars, service.forget))
    app.include_router(mouth_routes(service.avatars, service.forget))

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(WEB / "index.html", headers={"Cache-Control": "no-cache"})

    @app.get("/sync", include_in_schema=False)
    async def sync_page() -> FileResponse:
        return FileResponse(WEB / "sync.html", headers={"Cache-Control": "no-cache"})

    @app.get("/healthz", responses=problems())
    async def healthz() -> Health:
        return Health(version=__version__, sessions=len(service.sessions))

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(render_metrics(service), media_type=METRICS_TYPE)

    @app.get("/api/engines", responses=problems())
    async def engines() -> EngineList:
        statuses = [EngineView(**asdict(status)) for status in service.engines.statuses()]
        return EngineList(engines=statuses, auto=service.engines.resolve("auto"))

    @app.websocket("/ws")
    async def websocket(socket: WebSocket) -> None:
        await talk(socket, service)

    mimetypes.add_type("text/javascript", ".js")  # some systems' registries say otherwise, and modules then fail
    app.mount("/web", StaticFiles(directory=WEB), name="web")
    return app
