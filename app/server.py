"""Serving: uvicorn over the application, started and stopped cleanly."""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys

import uvicorn

from app.api.liveness import websocket_options
from app.config import Settings, SettingsError
from app.faces.face import MESH_FILE, LandmarkFilesMissing, landmark_file
from app.inference.engines.registry import Engines, EngineUnavailable, NoSuchEngine
from app.logs import written_beside
from app.main import create_app
from app.memory import freeze_startup, tune_heap
from app.provenance.credentials import CredentialsError
from app.sessions.service import Service

# How long a thread may keep the interpreter while others wait. At Python's own 5 ms the event loop, which wakes often
# for every session, stands behind whatever the inference thread is at.
SWITCH_INTERVAL_S = 0.0005
GOODBYE_S = 3  # for open connections, once Ctrl-C was pressed


class Server(uvicorn.Server):
    """Says where it serves once it does."""

    def __init__(self, config: uvicorn.Config, address: str, engines: Engines) -> None:
        super().__init__(config)
        self._address, self.engines = address, engines

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the address."""
        await super().startup(sockets=sockets)
        if self.started:
            freeze_startup()
            port = self.servers[0].sockets[0].getsockname()[1] if self.servers else self.config.port
            print(f"Lipwire is at {self._address}:{port}  (Ctrl-C stops it)", flush=True)


def serve(settings: Settings) -> int:
    """Serve until interrupted; returns the exit status."""
    tune_heap()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        server = make_server(settings)
        check(settings, server.engines)
    except (CredentialsError, EngineUnavailable, LandmarkFilesMissing, SettingsError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    # uvicorn exits by itself when it cannot start
    with written_beside(), contextlib.suppress(KeyboardInterrupt, SystemExit):
        server.run()
    if not server.started:
        print(f"error: could not serve on {settings.host}:{settings.port}; the log above says why.", file=sys.stderr)
        return 1
    return 0


def make_server(settings: Settings) -> Server:
    """Build the server, not yet running."""
    service = Service(settings)
    config = uvicorn.Config(
        create_app(service),
        host=settings.host,
        port=settings.port,
        ssl_certfile=settings.ssl_certfile,
        ssl_keyfile=settings.ssl_keyfile,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GOODBYE_S,
        **websocket_options(),
    )
    scheme = "https" if settings.ssl_certfile else "http"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return Server(config, f"{scheme}://{host}", service.engines)


def check(settings: Settings, engines: Engines) -> None:
    """Find out, before anything starts, what would keep the service from running.

    The engine that ``auto`` means is loaded by it, once: ``engines`` are the service's own.

    Raises:
        SettingsError: an engine that does not exist, a certificate that cannot be used, a port that is taken.
        EngineUnavailable: an engine that was asked for by name and cannot run.
        LandmarkFilesMissing: see there.
    """
    landmark_file(MESH_FILE)
    try:
        engines.get("auto")
    except NoSuchEngine as error:
        names = ", ".join(status.name for status in engines.statuses())
        raise SettingsError(f'LIPWIRE_ENGINE must be auto or one of {names}, not "{error}".') from error
    if settings.ssl_certfile:
        try:
            ssl.create_default_context().load_cert_chain(settings.ssl_certfile, settings.ssl_keyfile)
        except (ssl.SSLError, OSError) as error:
            raise SettingsError(
                f"The certificate {settings.ssl_certfile} cannot be used with its key: {error}"
            ) from error
    check_ports(settings)


def check_ports(settings: Settings) -> None:
    """Find out whether the ports can be used.

    Raises:
        SettingsError: one that is taken, may not be listened on, or is both.
    """
    if settings.metrics_port:
        if settings.metrics_port == settings.port:
            raise SettingsError("LIPWIRE_METRICS_PORT must be another than LIPWIRE_PORT, or 0.")
        _check_port(settings.metrics_host, settings.metrics_port, "LIPWIRE_METRICS_PORT")
    _check_port(settings.host, settings.port, "LIPWIRE_PORT")


def _check_port(host: str, port: int, variable: str) -> None:
    try:
        socket.create_server((host, port), family=_family(host)).close()
    except OSError as error:
        raise SettingsError(
            f"{host}:{port} cannot be used ({error.strerror}); set {variable} to a free port."
        ) from error


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
