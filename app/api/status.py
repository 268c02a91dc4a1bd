"""What runs here: health, engines, voices."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from app import __version__
from app.api.models import EngineList, EngineView, Health, Readiness, SiteView, VoiceList, VoiceView
from app.api.problems import problems
from app.api.readiness import Check, Checkup
from app.inference.engines.registry import Engines
from app.sessions.service import Service


def _engines(engines: Engines) -> EngineList:
    views = [EngineView(**asdict(status)) for status in engines.statuses()]
    return EngineList(engines=views, auto=engines.resolve("auto"))


def status_routes(service: Service, check: Check | None = None) -> APIRouter:
    """Make the routes over a service; ``check`` says how it is, where its sessions are not its own."""
    router, checkup = APIRouter(), check or Checkup(service)

    @router.get("/healthz", responses=problems())
    async def healthz() -> Health:
        return Health(version=__version__, sessions=await checkup.sessions())

    @router.get("/api/site", responses=problems())
    async def site() -> SiteView:
        return SiteView(version=__version__, label=service.settings.label, keys=service.keys.is_wanted)

    @router.get("/readyz", include_in_schema=False)  # not a problem document where it is not
    async def readyz() -> Response:
        why = await checkup.why_not_ready()
        answer = Readiness(ready=why is None, why=why)
        return JSONResponse(answer.model_dump(), 200 if answer.ready else 503)

    @router.get("/api/engines", responses=problems())
    async def engines() -> EngineList:
        return await run_in_threadpool(_engines, service.engines)

    @router.get("/api/voices", responses=problems())
    async def voices() -> VoiceList:
        known = await service.speech.voices()
        views = [VoiceView(**asdict(voice)) for voice in known.voices]
        return VoiceList(voices=views, default=known.default, why=known.why)

    return router
