"""The pages, and what they load."""

from __future__ import annotations

import mimetypes
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from app.assets import WEB

# Anybody's page may load the element, and the modules of one release belong together.
FILE_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": "no-cache",
}


def serve_pages(app: FastAPI, with_api: bool = True) -> None:
    """Add the pages and their files to an application, with the one that describes the API or without."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def page() -> FileResponse:
        return _page("index.html")

    @router.get("/sync")
    async def sync_page() -> FileResponse:
        return _page("sync.html")

    @router.get("/watch")
    @router.get("/watch/")
    @router.get("/watch/{session}")
    async def watch_page(session: str = "") -> FileResponse:
        return _page("watch.html")

    @router.get("/embed")
    async def embed_page() -> FileResponse:
        return _page("embed.html")

    if with_api:

        @router.get("/docs")
        async def docs_page() -> FileResponse:
            return _page("docs.html")

    app.include_router(router)
    mimetypes.add_type("text/javascript", ".js")  # some systems' registries say otherwise, and modules then fail
    app.mount("/web", _Files(directory=WEB), name="web")


class _Files(StaticFiles):
    """Files for pages of any origin."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.update(FILE_HEADERS)
        return response


def _page(name: str) -> FileResponse:
    return FileResponse(WEB / name, headers={"Cache-Control": "no-cache"})
