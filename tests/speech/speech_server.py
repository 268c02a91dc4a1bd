"""A real HTTP server that speaks as OpenAI's does, in as many wrong ways as a test asks for."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LONGEST_S = 30  # that an answer waits for its test to end

Answer = Callable[["SpeechRequest"], None]


class SpeechServer(ThreadingHTTPServer):
    """Gives its answers in turn, one a request, the last one for ever; keeps what was asked.

    ``go_on``: what a slow answer waits for before it goes on. ``hung_up``: a client left in the middle of an answer.
    """

    def __init__(self, *answers: Answer) -> None:
        super().__init__(("127.0.0.1", 0), SpeechRequest)
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.paths: list[str] = []
        self.go_on, self.hung_up = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), name="speech server")
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def close(self) -> None:
        self.go_on.set()
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        self.hung_up.set()


class SpeechRequest(BaseHTTPRequestHandler):
    server: SpeechServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(json.loads(body))
        self.server.keys.append(self.headers["Authorization"])
        self.server.paths.append(self.path)
        answers = self.server.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        try:
            answer(self)
        except ConnectionError:
            self.server.hung_up.set()
            self.close_connection = True

    def head(self, status: int, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()

    def chunk(self, data: bytes) -> None:
        """Send a piece; none ends the answer."""
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def wait(self) -> None:
        self.server.go_on.wait(LONGEST_S)

    def log_message(self, format: str, *args: object) -> None:
        pass


def speaks(*pieces: bytes, kind: str = "audio/pcm", status: int = 200) -> Answer:
    """Send pieces and be done."""

    def answer(request: SpeechRequest) -> None:
        request.head(status, kind)
        for piece in pieces:
            request.chunk(piece)
        request.chunk(b"")

    return answer


def waits_behind(*pieces: bytes) -> Answer:
    """Send pieces, and the rest when it is told to go on."""

    def answer(request: SpeechRequest) -> None:
        request.head(200, "audio/pcm")
        for piece in pieces:
            request.chunk(piece)
        request.wait()
        request.chunk(b"\x09\0")
        request.chunk(b"")

    return answer


def breaks_off(*pieces: bytes) -> Answer:
    """Send pieces and drop the connection."""

    def answer(request: SpeechRequest) -> None:
        request.head(200, "audio/pcm")
        for piece in pieces:
            request.chunk(piece)
        request.close_connection = True

    return answer


def hangs(request: SpeechRequest) -> None:
    """Say nothing at all."""
    request.wait()
    request.close_connection = True


def never_ends(request: SpeechRequest) -> None:
    """Send sound for ever."""
    request.head(200, "audio/pcm")
    with contextlib.suppress(ConnectionError):
        while not request.server.go_on.is_set():
            request.chunk(bytes(1024 * 1024))
    request.close_connection = True


def refuses(status: int, answer: object = None) -> Answer:
    """Answer with an error."""
    return speaks(json.dumps(answer).encode(), kind="application/json", status=status)
