"""What of the settings is each stage's own, and where it listens."""

from __future__ import annotations

import errno
import socket
from urllib.parse import urlsplit

from app.access.key_ring import KeyRing
from app.api.front_door import listen
from app.config import Settings, SettingsError
from app.config.origin import Authority, Origin, is_loopback
from app.server import bound_host

BACKLOG = 2048  # as uvicorn has it
LOOPBACKS = ("127.0.0.1", "localhost")  # two names that a visitor takes for one
STAGES, STORE = "stages", "store"  # in the data folder
TAKEN = (errno.EADDRINUSE, errno.EACCES)


def settings_of_stage(settings: Settings, keys: KeyRing, listener: socket.socket, ip: str) -> Settings:
    """Return the settings of a stage that listens there, on a machine that clients reach at ``ip``.

    Its data folder is its own; what nodes share is in the store.

    Raises:
        SettingsError: no secret is given, which all stages and fronts must share.
    """
    if not settings.token_secret:
        raise SettingsError("LIPWIRE_TOKEN_SECRET must be set, to the same text on all nodes of a cluster.")
    host, port = bound_host(settings, keys.is_wanted), listener.getsockname()[1]
    return settings.model_copy(
        update={
            "host": host,
            "port": port,
            "public_url": stage_url(settings, "127.0.0.1" if is_loopback(host) else ip, port),
            "data_dir": settings.data_dir / STAGES / str(port),
            "store": settings.store or f"file://{settings.data_dir.absolute() / STORE}",
            "allowed_origins": (*settings.allowed_origins, *_origins(settings.front_url)),
            "metrics_port": 0,  # of which a machine has one, and several stages
        }
    )


def site_of(own: Settings, ip: str) -> str:
    """Return the address at which a stage listens, for the cluster's other machines: no other stage has it."""
    host = "127.0.0.1" if is_loopback(own.host) else ip
    scheme = "https" if own.ssl_certfile else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{own.port}"


def stage_url(settings: Settings, ip: str, port: int) -> str:
    """Return the address at which clients reach a stage."""
    url = settings.stage_url.format(ip=f"[{ip}]" if ":" in ip else ip, port=port)
    if settings.ssl_certfile:  # a stage with a certificate speaks nothing else
        url = url.replace("http://", "https://", 1)
    return url


def first_free(settings: Settings, keys: KeyRing) -> list[socket.socket]:
    """Listen on the first port of ``stage_ports`` that nobody has.

    Raises:
        SettingsError: all are taken, or the address cannot be listened on.
    """
    first, last = map(int, settings.stage_ports.split("-"))
    host = bound_host(settings, keys.is_wanted)
    for port in range(first, last + 1):
        try:
            return listen(host, port, BACKLOG)
        except OSError as error:
            if error.errno not in TAKEN:
                raise SettingsError(f"{host}:{port} cannot be listened on ({error.strerror}).") from error
    raise SettingsError(
        f"All ports of LIPWIRE_STAGE_PORTS ({settings.stage_ports}) are taken on {host}: "
        "give a wider range, or end what has them."
    )


def _origins(url: str) -> list[str]:
    """Return the origins that pages of a site have; on this very machine it has two names."""
    parts = urlsplit(url)
    authority = Authority.parse(parts.netloc)
    if authority is None:
        return []
    hosts = LOOPBACKS if authority.host in LOOPBACKS else (authority.host,)
    return [str(Origin.of(parts.scheme, Authority(host, authority.port))) for host in hosts]
