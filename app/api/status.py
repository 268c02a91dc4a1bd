"""What runs here: health, engines, metrics."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from app import __version__
from app.api.metrics import METRICS_TYPE, render_metrics
from app.api.models import EngineList, EngineView, Health, Readiness, VoiceList, VoiceView
from app.api.problems import problems
from app.api.readiness import Checkup
from app.sessions.service import Service


def status_routes(service: Service) -> APIRouter:
    """Make the routes over a service."""
    router, checkup = APIRouter(), Checkup(service)

    @router.get("/healthz", responses=problems())
    async def healthz() -> Health:
        return Health(version=__version__, sessions=len(service.sessions))

    @router.get("/readyz", include_in_schema=False)  # not a problem document where it is not
    async def readyz() -> Response:
        why = await checkup.why_not_ready()
        answer = Readiness(ready=why is None, why=why)
        return JSONResponse(answer.model_dump(), 200 if answer.ready else 503)

    @router.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(render_metrics(service), media_type=METRICS_TYPE)

    @router.get("/api/engines", responses=problems())
    async def engines() -> EngineList:
        statuses = [EngineView(**asdict(status)) for status in service.engines.statuses()]
        return EngineList(engines=statuses, auto=service.engines.resolve("auto"))

    @router.get("/api/voices", responses=problems())
    async def voices() -> VoiceList:
        known = await service.speech.voices()
        views = [VoiceView(**asdict(voice)) for voice in known.voices]
        return VoiceList(voices=views, default=known.default, why=known.why)

    return router
