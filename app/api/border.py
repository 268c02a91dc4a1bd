"""The border: whose requests get in, and what every answer says to browsers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.answer_headers import headers_for
from app.api.problems import STATUS_OF, problem_response
from app.api.site_rules import SiteRules
from app.config import Settings
from app.errors import Refusal

logger = logging.getLogger(__name__)

MOST_LOGGED, LONGEST_LOGGED = 100, 100  # kinds of refusals; characters of what a client says
READING = ("GET", "HEAD", "OPTIONS")
API = "/api/"
CORS = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Expose-Headers": "Location, Retry-After",
    "Access-Control-Max-Age": "600",
}
EXTENSION = "websocket.http.response"  # of ASGI: a handshake is refused with an answer of one's own


class Border:
    """Refuses requests under foreign names, and what foreign pages ask for beyond reading.

    Below ``open_prefix`` any page may ask, as only tokens count there. So may whoever another of our servers has let in
    and sent here (``was_sent``). Every answer, refusals and our own faults included, gets the headers that every answer
    has. What is refused is logged, each kind once, the first ``MOST_LOGGED`` of them: an operator may have forgotten a
    name, a stranger shall not fill the log.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        open_prefix: str,
        connects: Sequence[str] = (),
        was_sent: Callable[[HTTPConnection], bool] = lambda connection: False,
    ) -> None:
        self._app, self._rules, self._open_prefix = app, SiteRules(settings), open_prefix
        self._embed_origins, self._connects, self._was_sent = settings.embed_origins, connects, was_sent
        self._logged: set[tuple[str, ...]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        cors = self._cors(connection)

        async def send_with_headers(message: Message) -> None:
            if message["type"] in ("http.response.start", f"{EXTENSION}.start"):
                headers = MutableHeaders(scope=message)
                for name, value in headers_for(scope, headers, self._embed_origins, self._connects).items():
                    headers.setdefault(name, value)
                headers.update(cors)
                if scope["path"].startswith(API):
                    headers.add_vary_header("Origin")
            await send(message)

        try:
            self._rules.check_host(connection)
            if not self._is_open(scope):
                self._check_page(connection)
        except Refusal as refusal:
            self._log(refusal, connection)
            await self._refuse(refusal, scope, receive, send_with_headers)
            return
        if cors and _is_preflight(connection):
            await Response(status_code=204)(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)

    def _is_open(self, scope: Scope) -> bool:
        path: str = scope["path"]
        return scope["type"] == "http" and path.startswith(self._open_prefix)

    def _check_page(self, connection: HTTPConnection) -> None:
        is_reading = connection.scope["type"] == "http" and connection.scope["method"] in READING
        if (not is_reading or _is_preflight(connection)) and not self._was_sent(connection):
            self._rules.check_origin(connection)

    def _cors(self, connection: HTTPConnection) -> dict[str, str]:
        """Return what lets an allowed page read the answer."""
        origins = connection.headers.getlist("origin")
        if connection.scope["path"].startswith(API) and len(origins) == 1 and self._rules.allows(connection, origins):
            return {"Access-Control-Allow-Origin": origins[0], **CORS}
        return {}

    def _log(self, refusal: Refusal, connection: HTTPConnection) -> None:
        said = connection.headers.get("host", "none"), connection.headers.get("origin", "none")
        kind = (refusal.code, *(text[:LONGEST_LOGGED] for text in said))
        if kind not in self._logged and len(self._logged) < MOST_LOGGED:
            self._logged.add(kind)
            logger.warning("border: refused, %s: host %s, origin %s", *kind)

    @staticmethod
    async def _refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and EXTENSION not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1000, "reason": refusal.code})  # a handshake's plain 403
            return
        await problem_response(STATUS_OF[refusal.code], refusal.code, refusal.message)(scope, receive, send)


def _is_preflight(connection: HTTPConnection) -> bool:
    is_asking = connection.scope["type"] == "http" and connection.scope["method"] == "OPTIONS"
    return is_asking and "access-control-request-method" in connection.headers
