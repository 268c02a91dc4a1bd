"""Where the front's pages may connect to: the stages, as a content security policy names them."""

from __future__ import annotations

from app.config import Settings

SOCKETS = {"http": "ws", "https": "wss"}
HERE = "127.0.0.1"


def stage_sources(settings: Settings, ip: str = "") -> tuple[str, ...]:
    """Return the sources that the settings' template leads to, no wider than it is.

    Names with an address or a port inside become a wildcard of their domain; where there is no domain left, the scheme
    alone remains. ``ip`` is the one that stages have, where it is always the same.
    """
    scheme, _, authority = settings.stage_url.partition("://")
    scheme = "https" if settings.ssl_certfile else scheme  # a stage with a certificate speaks nothing else
    authority = authority.replace("{ip}", ip) if ip else authority
    host, colon, port = authority.partition(":")
    _, dot, rest = host.rpartition("}")[2].partition(".") if "{" in host else ("", "", "")
    if "{" not in host:
        port = "*" if "{" in port else port
        source = f"{host}{colon}{port}"
    elif dot and rest:
        port = "*" if "{" in port else port
        source = f"*.{rest}{colon}{port}"
    else:
        return (f"{scheme}:", f"{SOCKETS[scheme]}:")
    return (f"{scheme}://{source}", f"{SOCKETS[scheme]}://{source}")
