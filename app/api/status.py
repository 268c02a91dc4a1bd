"""What runs here: health, engines, voices."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from app import __version__
from app.api.models import EngineList, Health, Readiness, SiteView, VoiceList
from app.api.offer import Offer, OwnOffer
from app.api.problems import problems
from app.api.readiness import Check, Checkup
from app.sessions.service import Service


def status_routes(service: Service, check: Check | None = None, offer: Offer | None = None) -> APIRouter:
    """Make the routes over a service; ``check`` and ``offer`` say how it is, where its sessions are not its own."""
    router, checkup, offered = APIRouter(), check or Checkup(service), offer or OwnOffer(service)

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
        return await offered.engines()

    @router.get("/api/voices", responses=problems())
    async def voices() -> VoiceList:
        return await offered.voices()

    return router
