"""Stopping: what a signal means, and the way from it to the end of the process."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Iterator
from types import FrameType

import uvicorn

from app.api.liveness import PatientWebSocket
from app.leaving import leave_at_once
from app.media import NS_PER_S
from app.service_manager import ServiceManager
from app.sessions.service import Service

GOODBYE_S = 3  # for open connections, once nothing else is waited for
CLOSING_S = 15  # for all that comes behind them: recordings, peer connections, threads
GOODBYE_CHECK_S = 0.05
STOPS = (signal.SIGINT, signal.SIGTERM)


class StoppableServer(uvicorn.Server):
    """uvicorn's server, which ends in three ways.

    SIGTERM lets sessions end by themselves, up to the service's ``drain_s``, and nobody new in. Ctrl-C, or another
    SIGTERM, ends them now, in order. One more, or any before the service was ready, ends the process at once. Its exit
    status is 0 for an end in order, else 128 and the signal's number.
    """

    def __init__(self, config: uvicorn.Config, service: Service, manager: ServiceManager | None = None) -> None:
        super().__init__(config)
        self._service, self._manager = service, manager or ServiceManager()
        self._told_to_drain = False

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals while the server runs; none is raised again afterwards, so that the exit status is 0."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {each: signal.signal(each, self.handle_exit) for each in STOPS}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal."""
        if not self.started or self.should_exit:
            leave_at_once(sig)
        if sig == signal.SIGTERM and not self._told_to_drain:
            self._told_to_drain = True
        else:
            self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and tell the service manager."""
        await super().startup(sockets=sockets)
        if self.started:
            self._manager.ready()

    async def on_tick(self, counter: int) -> bool:
        """Look, ten times a second, whether it is time to go."""
        service = self._service
        if service.worker.alive:  # else a service manager shall start it anew
            self._manager.beat(service.clock.now_ns() / NS_PER_S)
        if self._told_to_drain and not service.draining:
            self._manager.stopping(service.settings.drain_s + GOODBYE_S + CLOSING_S)
            service.drain(service.settings.drain_s)
        if service.drained:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what is still there."""
        self._manager.stopping(GOODBYE_S + CLOSING_S)
        if self._service.draining:
            await self._say_goodbye()
        await super().shutdown(sockets=sockets)

    async def _say_goodbye(self) -> None:
        """Tell whoever is left why it ends, before their sockets are closed."""
        await self._service.end_sessions()
        for _ in range(round(GOODBYE_S / GOODBYE_CHECK_S)):
            if not any(isinstance(each, PatientWebSocket) for each in self.server_state.connections):
                return
            await asyncio.sleep(GOODBYE_CHECK_S)
