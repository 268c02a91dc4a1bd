"""Serving: uvicorn over the application, started and stopped cleanly."""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys

import uvicorn

from app.api.liveness import websocket_options
from app.config import Settings, SettingsError
from app.config.folders import require_folders
from app.config.origin import is_loopback
from app.faces.face import MESH_FILE, LandmarkFilesMissing, landmark_file
from app.inference.engines.registry import Engines, EngineUnavailable, NoSuchEngine
from app.leaving import let_ctrl_c_leave
from app.logs import written_beside
from app.main import create_app
from app.memory import freeze_startup, tune_heap
from app.provenance.credentials import CredentialsError
from app.sessions.service import Service
from app.stopping import GOODBYE_S, StoppableServer

# How long a thread may keep the interpreter while others wait. At Python's own 5 ms the event loop, which wakes often
# for every session, stands behind whatever the inference thread is at.
SWITCH_INTERVAL_S = 0.0005

WITHOUT_KEYS = (
    "note: serving on {bound} and not on {asked}: without API keys whoever reaches the server may do everything. "
    "Set LIPWIRE_API_KEYS to serve other machines."
)


class Server(StoppableServer):
    """Says where it serves once it does."""

    def __init__(self, config: uvicorn.Config, address: str, service: Service) -> None:
        super().__init__(config, service)
        self._address, self.engines = address, service.engines

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the address."""
        await super().startup(sockets=sockets)
        if self.started:
            freeze_startup()
            port = self.servers[0].sockets[0].getsockname()[1] if self.servers else self.config.port
            print(f"Lipwire is at {self._address}:{port}  (Ctrl-C stops it)", flush=True)


def serve(settings: Settings) -> int:
    """Serve until told to stop; returns the exit status."""
    let_ctrl_c_leave()  # until the server takes signals itself, there is nothing to end
    tune_heap()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    host = bound_host(settings, bool(settings.api_keys))
    if host != settings.host:
        print(WITHOUT_KEYS.format(asked=settings.host, bound=host), file=sys.stderr, flush=True)
        settings = settings.model_copy(update={"host": host})
    try:
        server = make_server(settings)
        check(settings, server.engines)
    except (CredentialsError, EngineUnavailable, LandmarkFilesMissing, SettingsError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    # SystemExit is how uvicorn says that it cannot start
    with written_beside(), contextlib.suppress(SystemExit):
        server.run()
    if not server.started:
        print(f"error: could not serve on {settings.host}:{settings.port}; the log above says why.", file=sys.stderr)
        return 1
    return 0


def bound_host(settings: Settings, has_keys: bool) -> str:
    """Return the address to listen on: without keys everybody may do everything, so nobody elsewhere gets in."""
    if has_keys or is_loopback(settings.host):
        return settings.host
    return "::1" if _family(settings.host) is socket.AF_INET6 else "127.0.0.1"


def make_server(settings: Settings) -> Server:
    """Build the server, not yet running; ``settings.host`` is what it listens on."""
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
    return Server(config, f"{scheme}://{host}", service)


def check(settings: Settings, engines: Engines) -> None:
    """Find out, before anything starts, what would keep the service from running.

    The engine that ``auto`` means is loaded by it, once: ``engines`` are the service's own.

    Raises:
        SettingsError: a folder or a certificate that cannot be used, an engine that does not exist, a port that is
            taken.
        EngineUnavailable: an engine that was asked for by name and cannot run.
        LandmarkFilesMissing: see there.
    """
    require_folders(settings.data_dir, settings.weights_dir)
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
    _check_port(settings.host, settings.port, "LIPWIRE_PORT")
    if settings.metrics_port:
        _check_port(settings.metrics_host, settings.metrics_port, "LIPWIRE_METRICS_PORT")


def _check_port(host: str, port: int, variable: str) -> None:
    try:
        socket.create_server((host, port), family=_family(host)).close()
    except OSError as error:
        raise SettingsError(
            f"{host}:{port} cannot be used ({error.strerror}); set {variable} to a free port."
        ) from error


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
