"""What runs here: health, engines, voices."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from app import __version__
from app.api.models import EngineList, Health, Readiness, SiteView, VoiceList
from app.api.offer import Offer
from app.api.problems import problems
from app.api.readiness import Check
from app.sessions.premises import Premises


def status_routes(premises: Premises, check: Check, offer: Offer) -> APIRouter:
    """Make the routes; ``check`` and ``offer`` say how sessions are, and what they may be asked for."""
    router = APIRouter()

    @router.get("/healthz", responses=problems())
    async def healthz() -> Health:
        return Health(version=__version__, sessions=await check.sessions())

    @router.get("/api/site", responses=problems())
    async def site() -> SiteView:
        return SiteView(version=__version__, label=premises.settings.label, keys=premises.keys.is_wanted)

    @router.get("/readyz", include_in_schema=False)  # not a problem document where it is not
    async def readyz() -> Response:
        why = await check.why_not_ready()
        answer = Readiness(ready=why is None, why=why)
        return JSONResponse(answer.model_dump(), 200 if answer.ready else 503)

    @router.get("/api/engines", responses=problems())
    async def engines() -> EngineList:
        return await offer.engines()

    @router.get("/api/voices", responses=problems())
    async def voices() -> VoiceList:
        return await offer.voices()

    return router
