"""The pages, and what they load."""

from __future__ import annotations

import mimetypes

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from app.assets import WEB


def serve_pages(app: FastAPI) -> None:
    """Add the pages and their files to an application."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def page() -> FileResponse:
        return _page("index.html")

    @router.get("/sync")
    async def sync_page() -> FileResponse:
        return _page("sync.html")

    app.include_router(router)
    mimetypes.add_type("text/javascript", ".js")  # some systems' registries say otherwise, and modules then fail
    app.mount("/web", StaticFiles(directory=WEB), name="web")


def _page(name: str) -> FileResponse:
    return FileResponse(WEB / name, headers={"Cache-Control": "no-cache"})
