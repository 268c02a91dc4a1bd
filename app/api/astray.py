"""Requests for sessions that are elsewhere: sent on to whose they are."""

from __future__ import annotations

from urllib.parse import quote

from starlette.datastructures import URL
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.auth import Gate
from app.api.passes import PARAMETER
from app.api.problems import STATUS_OF, problem_response
from app.api.whereabouts import At, Whereabouts, nobodys
from app.errors import Refusal
from app.session_ref import ref_in_path

MAKING = "/api/sessions"
ASK_FRONT = {"X-Accel-Redirect": "@front"}  # a proxy that stands before all of us (deploy/nginx.conf) asks there itself
ASKING_FIRST = "OPTIONS"  # of browsers, which follow no redirect with it


class Astray:
    """Answers 307 where a session in a request's path is another stage's, and where one is to be made."""

    def __init__(self, app: ASGIApp, whereabouts: Whereabouts, gate: Gate) -> None:
        self._app, self._whereabouts, self._gate = app, whereabouts, gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or scope["method"] == ASKING_FIRST:
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        ref, answer = ref_in_path(path), None
        if ref is not None and (at := await self._where(Request(scope, receive), ref)) is not None:
            answer = await send_on(Request(scope, receive), ref, at, self._gate)
        elif path.rstrip("/") == MAKING and scope["method"] == "POST":
            answer = sent_to(self._whereabouts.front, HTTPConnection(scope))
        await (answer or self._app)(scope, receive, send)

    async def _where(self, request: Request, ref: str) -> At | None:
        """Return where a session is, as far as who asks may know."""
        at = self._whereabouts.of(ref)
        if at is None or at.owner is None or await self._gate.may_know(request, ref, at.owner):
            return at
        return self._whereabouts.of(ref, nobodys)


async def send_on(request: HTTPConnection, ref: str, at: At, gate: Gate) -> Response:
    """Answer that a session is elsewhere, with a pass that holds what the request has proven about it.

    What proves nothing because it is wrong is refused here.
    """
    try:
        answer = sent_to(at.url, request, await gate.pass_of(request, ref), (ref, at.ref or ref))
        if not at.ref:
            answer.headers.update(ASK_FRONT)
        return answer
    except Refusal as refusal:
        return problem_response(STATUS_OF[refusal.code], refusal.code, refusal.message)


def sent_to(
    site: str, request: HTTPConnection, proof: str | None = None, renamed: tuple[str, str] = ("", "")
) -> Response:
    """Answer that what a request asks for is at another site, under the same path, but for what was ``renamed``."""
    return go_to(address_at(site, request, proof, renamed))


def address_at(
    site: str, request: HTTPConnection, proof: str | None = None, renamed: tuple[str, str] = ("", "")
) -> str:
    """Return the address, for :func:`sent_to`."""
    raw = request.scope.get("raw_path")
    path = raw.decode("latin-1") if raw else quote(request.scope["path"])
    path = path.replace(f"/{renamed[0]}", f"/{renamed[1]}", 1)
    query = request.scope["query_string"].decode("latin-1")
    url = URL(f"{site}{path}" + (f"?{query}" if query else ""))
    if proof is not None:
        url = url.include_query_params(**{PARAMETER: proof})
    return str(url)


def go_to(url: str) -> Response:
    """Answer that a request is to be made there, as it is."""
    return RedirectResponse(url, 307, {"Cache-Control": "no-store"})
