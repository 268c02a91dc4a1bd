"""``/metrics`` on a port of its own, for a network that only the operator reaches."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.api.metrics import Metrics

MOST_CONNECTIONS = 16
GOODBYE_S = 1


class _Beside(uvicorn.Server):
    """A server that leaves signals to the one beside which it runs."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none."""
        yield


class MetricsPort:
    """Serves the page, and nothing else, from :meth:`start` to :meth:`aclose`. Port 0 takes a free one.

    Bound: ``MOST_CONNECTIONS``; full: 503.
    """

    def __init__(self, page: Metrics, host: str, port: int) -> None:
        async def metrics(request: Request) -> Response:
            return await page.render()

        config = uvicorn.Config(
            Starlette(routes=[Route("/metrics", metrics)]),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            limit_concurrency=MOST_CONNECTIONS,
            timeout_graceful_shutdown=GOODBYE_S,
        )
        self._server, self._where = _Beside(config), (host, port)
        self._serving: asyncio.Task[None] | None = None
        self.port = port

    def start(self) -> None:
        """Listen.

        Raises:
            OSError: where the address cannot be used.
        """
        family = socket.AF_INET6 if ":" in self._where[0] else socket.AF_INET
        listening = socket.create_server(self._where, family=family)
        self.port = listening.getsockname()[1]
        self._serving = asyncio.create_task(self._server.serve([listening]), name="metrics port")

    async def aclose(self) -> None:
        """Stop; again is fine."""
        self._server.should_exit = True
        if self._serving is not None:
            await asyncio.gather(self._serving, return_exceptions=True)
