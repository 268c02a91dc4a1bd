"""A real HTTP server that gives one file, in as many wrong ways as a test asks for."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DATA = bytes(number * 31 % 251 for number in range(200_000))
SUM = hashlib.sha256(DATA).hexdigest()
LONGEST_S = 20  # that an answer waits for its test to end

Answer = Callable[["Request"], None]
StartMirror = Callable[..., "Mirror"]


def dead_address() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}/models/lips.pth"


class Mirror(ThreadingHTTPServer):
    """Gives its answers in turn, one a request, the last one for ever; keeps what was asked."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.answers = list(answers)
        self.asked: list[Request] = []
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), name="mirror")
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/models"

    @property
    def ranges(self) -> list[str | None]:
        return [request.headers["Range"] for request in self.asked]

    def close(self) -> None:
        self.ended.set()
        self.shutdown()
        self._thread.join()
        self.server_close()


class Request(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        self.server.asked.append(self)
        answers = self.server.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        with contextlib.suppress(ConnectionError):
            answer(self)

    def head(self, status: int, length: int | None, **headers: str) -> None:
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def ranged(request: Request) -> None:
    """Answer as a good server does."""
    up_to(len(DATA))(request)


def up_to(end: int, body: bytes = DATA) -> Answer:
    """Answer as a good server does, but hang up before byte ``end``."""

    def answer(request: Request) -> None:
        asked = request.headers["Range"]
        if asked:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            request.head(206, len(body) - start, Content_Range=f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            start = 0
            request.head(200, len(body))
        request.wfile.write(body[start:end])

    return answer


def whole(body: bytes = DATA, **headers: str) -> Answer:
    """Answer with all of ``body``, whatever range was asked for."""

    def answer(request: Request) -> None:
        request.head(200, len(body), **headers)
        request.wfile.write(body)

    return answer


def refuse(status: int) -> Answer:
    """Answer with an error."""
    return lambda request: request.head(status, 0)


def redirect(address: str) -> Answer:
    """Send on to another address."""
    return lambda request: request.head(302, 0, Location=address)


def announce(length: int) -> Answer:
    """Promise ``length`` bytes and send none."""
    return lambda request: request.head(200, length)


def hold_after(count: int) -> Answer:
    """Send ``count`` bytes, then nothing, with the connection open."""

    def answer(request: Request) -> None:
        request.head(200, len(DATA))
        request.wfile.write(DATA[:count])
        request.server.ended.wait(LONGEST_S)

    return answer


def dribble(request: Request) -> None:
    """Send a byte now and then."""
    request.head(200, len(DATA))
    for byte in DATA:
        request.wfile.write(bytes([byte]))
        if request.server.ended.wait(0.02):
            return
