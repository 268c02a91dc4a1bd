"""The ports that are listened on."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from urllib.error import URLError
from urllib.request import HTTPSHandler, ProxyHandler, build_opener

from app.commands.doctor.finding import Finding, ok, problem
from app.config import Settings

ANSWER_S = 3


def ports(settings: Settings) -> Iterator[Finding]:
    """Try to listen on each; a service of ours that does so already is fine."""
    yield _port("port", settings.host, settings.port, "LIPWIRE_PORT", bool(settings.ssl_certfile))
    if settings.metrics_port:
        yield _port("metrics", settings.metrics_host, settings.metrics_port, "LIPWIRE_METRICS_PORT", False)


def _port(area: str, host: str, port: int, variable: str, is_secure: bool) -> Finding:
    where = f"{host}:{port}"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except PermissionError:
        return problem(
            area, f"{where} needs rights that this user has not", f"set {variable} to 1024 or more, behind a proxy"
        )
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            path = "/metrics" if area == "metrics" else "/healthz"
            if _is_ours(host, port, path, is_secure):
                return ok(area, f"{where}: Lipwire runs there already")
            return problem(area, f"{where} is taken by another program", f"end that, or set {variable} to a free port")
        return problem(area, f"{where} cannot be listened on ({error.strerror})", "see whether this machine has it")
    return ok(area, f"{where} is free")


def _is_ours(host: str, port: int, path: str, is_secure: bool) -> bool:
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    url = f"{'https' if is_secure else 'http'}://{f'[{name}]' if ':' in name else name}:{port}{path}"
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE  # asked who it is, told nothing
    try:
        with build_opener(ProxyHandler({}), HTTPSHandler(context=unchecked)).open(url, timeout=ANSWER_S) as answer:
            said = answer.read(4096)
    except (URLError, OSError, ValueError):
        return False
    return b"lipwire_" in said if path == "/metrics" else b'"sessions"' in said
