"""A front that sends WHEP on to stages, and stages before real servers: each another origin, to a browser."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Literal, Self
from urllib.parse import parse_qs, urlsplit

OPEN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, PATCH, DELETE",
    "Access-Control-Allow-Headers": "authorization, content-type, if-match",
    "Access-Control-Expose-Headers": "Location, ETag, Link, Retry-After, Lipwire-Label",
}
TOLD = ("Location", "ETag", "Link", "Lipwire-Label", "Content-Type")


class _Site:
    """Answers on a free port, in threads of its own; ``seen`` is what was asked: method and path."""

    def __init__(self) -> None:
        site = self
        self.seen: list[tuple[str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_OPTIONS(self) -> None:
                self.answer(204, {}, b"")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                site.seen.append((self.command, self.path))
                self.answer(*site.answer(self, body))

            do_PATCH = do_DELETE = do_POST

            def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in (OPEN | headers | {"Content-Length": str(len(body))}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, name=type(self).__name__)

    def answer(self, asked: BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Answer a request."""
        raise NotImplementedError

    def end(self) -> None:
        """Refuse connections from now on; again is fine."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


class WhepStage(_Site):
    """Leads to a real server, which takes no passes: the view token goes along for it."""

    def __init__(self, server_url: str, session: str, token: str) -> None:
        super().__init__()
        self._server_url, self._session, self._token = server_url, session, token

    def answer(self, asked: BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """See above; who comes without a pass is not let in."""
        address = urlsplit(asked.path)
        if asked.command == "POST" and parse_qs(address.query).get("pass") != ["P"]:
            return 401, {}, b'{"code": "token_missing"}'
        parts = address.path.split("/")
        parts[2] = self._session
        headers = {name: asked.headers[name] for name in ("Content-Type", "If-Match") if asked.headers[name]}
        headers["Authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(self._server_url + "/".join(parts), body, headers, method=asked.command)
        try:
            with urllib.request.urlopen(request) as answered:
                found = {name: answered.headers[name] for name in TOLD if answered.headers[name]}
                return answered.status, found, answered.read()
        except urllib.error.HTTPError as error:
            return error.code, {}, error.read()


class WhepFront(_Site):
    """Sends on to ``stage``, or, where ``says`` something else, answers that."""

    says: Literal["elsewhere", "moving", "unknown"] = "elsewhere"
    stage: WhepStage

    def answer(self, asked: BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """See above."""
        if self.says == "moving":
            return 503, {"Retry-After": "1"}, b'{"code": "session_moving"}'
        if self.says == "unknown":
            return 404, {}, b'{"code": "no_such_session"}'
        return 307, {"Location": f"{self.stage.url}{asked.path}?pass=P"}, b""
