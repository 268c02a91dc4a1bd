"""STUN and TURN servers as ``Link`` headers, which WHEP players read."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from app.config import IceServer

logger = logging.getLogger(__name__)


def ice_links(servers: Sequence[IceServer]) -> list[str]:
    """Return a header's value for each server; one that no header can say is left out."""
    return [link for server in servers if (link := _link(server)) is not None]


def warn_of_unsayable(servers: Sequence[IceServer]) -> None:
    """Log which servers no header can say."""
    for server in servers:
        if _link(server) is None:
            logger.warning("whep: %s cannot be said in a header; give its user and password in ASCII", server.urls)


def _link(server: IceServer) -> str | None:
    parts = [f"<{server.urls}>", 'rel="ice-server"']
    if server.username is not None and server.credential is not None:
        parts += [f"username={_quoted(server.username)}", f"credential={_quoted(server.credential)}"]
        parts.append('credential-type="password"')
    link = "; ".join(parts)
    if not (link.isascii() and link.isprintable()) or ">" in server.urls:
        return None
    return link


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
