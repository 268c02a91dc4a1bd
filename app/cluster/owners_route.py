"""``/internal/owner``: to which stage nginx gives what carries a reference (``deploy/nginx.conf``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from app.api.client_address import Proxies

PATH = "/internal/owner"
OWNER = "X-Lipwire-Owner"
FOR_EVER, NEVER = "max-age=86400", "no-store"  # a reference's owner is sealed in it


def owner_routes(inner_of: Callable[[str], str | None], trusted_proxies: Iterable[str]) -> APIRouter:
    """Make the route. ``inner_of`` returns where the stage listens that a reference names, None for no such reference.

    A trusted proxy alone is answered, and only for itself: a request that it passes on has its client's address. A
    forged reference gets 204 too, without an owner, as nginx's ``auth_request`` takes 404 for a failure; what carries
    it goes on to the front, which refuses it in its own words.
    """
    router = APIRouter()
    proxies = Proxies(trusted_proxies)

    @router.get(PATH, include_in_schema=False)
    async def owner(ref: str, request: Request) -> Response:
        is_proxy = request.client is not None and request.client.host in proxies
        if not is_proxy or "x-forwarded-for" in request.headers:
            raise HTTPException(404)
        inner = inner_of(ref)
        if inner is None:
            return Response(status_code=204, headers={"Cache-Control": NEVER})
        return Response(status_code=204, headers={OWNER: inner, "Cache-Control": FOR_EVER})

    return router
