"""Serving: uvicorn over the application, started and stopped cleanly."""

from __future__ import annotations

import contextlib
import socket
import sys

import uvicorn

from app.config import Settings
from app.ingest.liveness import websocket_options
from app.main import create_app

GOODBYE_S = 3  # for open connections, once Ctrl-C was pressed


class Server(uvicorn.Server):
    """Says where it serves once it does."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self._address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the address."""
        await super().startup(sockets=sockets)
        if self.started:
            port = self.servers[0].sockets[0].getsockname()[1] if self.servers else self.config.port
            print(f"Lipwire is at {self._address}:{port}  (Ctrl-C stops it)", flush=True)


def serve(settings: Settings, log_level: str = "info") -> int:
    """Serve until interrupted; returns the exit status."""
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        ssl_certfile=settings.ssl_certfile,
        ssl_keyfile=settings.ssl_keyfile,
        log_config=None,
        log_level=log_level,
        access_log=False,
        timeout_graceful_shutdown=GOODBYE_S,
        **websocket_options(),
    )
    scheme = "https" if settings.ssl_certfile else "http"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    server = Server(config, f"{scheme}://{host}")
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        print(
            f"error: {settings.host}:{settings.port} cannot be used; set LIPWIRE_PORT to a free port.", file=sys.stderr
        )
        return 1
    return 0
