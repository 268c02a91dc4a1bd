"""Serving: uvicorn over the application, started and stopped cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import socket
import ssl
import sys
from collections.abc import Sequence
from functools import partial
from typing import cast

import uvicorn
from fastapi import FastAPI

from app.access.key_ring import KeyRing
from app.api.behind_proxies import BehindProxies
from app.api.doorkeeper import Doorkeeper
from app.api.front_door import FrontDoor, listen
from app.api.guarded_http import HEAD_BYTES, GuardedHttp
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
from app.service_manager import ServiceManager
from app.sessions.service import Service
from app.stopping import GOODBYE_S, StoppableServer

logger = logging.getLogger(__name__)

# How long a thread may keep the interpreter while others wait. At Python's own 5 ms the event loop, which wakes often
# for every session, stands behind whatever the inference thread is at.
SWITCH_INTERVAL_S = 0.0005

WITHOUT_KEYS = (
    "note: serving on {bound} and not on {asked}: without API keys whoever reaches the server may do everything. "
    "Set LIPWIRE_API_KEYS to serve other machines."
)
DESCRIPTORS = 16_384  # connections, and eight sockets for each viewer


class Server(StoppableServer):
    """Says where it serves once it does; but on ``listeners`` of somebody else's, who says it then."""

    def __init__(
        self,
        config: uvicorn.Config,
        address: str,
        service: Service,
        doorkeeper: Doorkeeper,
        listeners: Sequence[socket.socket] = (),
    ) -> None:
        super().__init__(config, service, ServiceManager({}) if listeners else None)
        self._address, self.engines, self._doorkeeper = address, service.engines, doorkeeper
        self._listeners = list(listeners)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, open the door, then print the address."""
        await super().startup(sockets=[])  # it listens to none of its own
        config = self.config
        try:
            listeners = self._listeners or listen(config.host, config.port, config.backlog)
        except OSError as error:
            logger.error("cannot listen on %s:%d: %s", config.host, config.port, error.strerror)
            self.started = False
            await self.lifespan.shutdown()
            sys.exit(1)
        door = FrontDoor(listeners, self._make_protocol, self._doorkeeper, config.ssl)
        self.servers = [cast(asyncio.Server, door)]
        freeze_startup()
        if self._listeners:
            return
        port = listeners[0].getsockname()[1]
        print(f"Lipwire is at {self._address}:{port}  (Ctrl-C stops it)", flush=True)

    def _make_protocol(self) -> asyncio.Protocol:
        made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made


def serve(settings: Settings) -> int:
    """Serve until told to stop; returns the exit status."""
    let_ctrl_c_leave()  # until the server takes signals itself, there is nothing to end
    tune_heap()
    allow_descriptors()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        require_folders(settings.data_dir, settings.weights_dir)
        host = bound_host(settings, KeyRing.of(settings).is_wanted)
        if host != settings.host:
            print(WITHOUT_KEYS.format(asked=settings.host, bound=host), file=sys.stderr, flush=True)
            settings = settings.model_copy(update={"host": host})
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
    if has_keys or (is_loopback(settings.host) and _leads_here_alone(settings.host)):
        return settings.host
    return "::1" if _family(settings.host) is socket.AF_INET6 else "127.0.0.1"


def _leads_here_alone(host: str) -> bool:
    """Whether what would be listened on is this machine's own: a resolver may say of ``localhost`` what it likes."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return True  # nothing can be listened on, and the check of the port says so
    return all(is_loopback(str(address[0])) for *_, address in found)


def allow_descriptors() -> None:
    """Raise the limit of open files and sockets, as far as the system grants it without asking."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def make_server(settings: Settings) -> Server:
    """Build the server, not yet running; ``settings.host`` is what it listens on."""
    service = Service(settings)
    return server_over(service, create_app(service))


def server_over(service: Service, app: FastAPI, listeners: Sequence[socket.socket] = ()) -> Server:
    """Build the server of an application over a service, not yet running.

    It listens on ``settings.host`` and ``settings.port``, or on ``listeners`` that do so already.
    """
    settings, doorkeeper = service.settings, Doorkeeper(service.settings)
    config = uvicorn.Config(
        BehindProxies(app, doorkeeper),
        host=settings.host,
        port=settings.port,
        ssl_certfile=settings.ssl_certfile,
        ssl_keyfile=settings.ssl_keyfile,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GOODBYE_S,
        http=cast(type[asyncio.Protocol], partial(GuardedHttp, doorkeeper=doorkeeper)),
        h11_max_incomplete_event_size=HEAD_BYTES,
        proxy_headers=bool(doorkeeper.proxies.networks),
        forwarded_allow_ips=doorkeeper.proxies.networks,
        **websocket_options(doorkeeper),
    )
    scheme = "https" if settings.ssl_certfile else "http"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return Server(config, f"{scheme}://{host}", service, doorkeeper, listeners)


def check(settings: Settings, engines: Engines) -> None:
    """Find out, before anything starts, what would keep the service from running.

    Raises:
        SettingsError, EngineUnavailable, LandmarkFilesMissing: as :func:`check_parts` does; a port that is taken.
    """
    check_parts(settings, engines)
    check_ports(settings)


def check_parts(settings: Settings, engines: Engines) -> None:
    """Find out whether what the service is made of can be used.

    The engine that ``auto`` means is loaded by it, once: ``engines`` are the service's own.

    Raises:
        SettingsError: a certificate that cannot be used, an engine that does not exist.
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
