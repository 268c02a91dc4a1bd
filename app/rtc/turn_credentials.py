"""Passwords for TURN servers that expire (draft-uberti-behave-turn-rest; coturn: ``use-auth-secret``)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from app.config import IceServer


def with_credentials(
    servers: Sequence[IceServer], secret: str, name: str, expires_at: datetime
) -> tuple[IceServer, ...]:
    """Return the servers, each TURN server without a password given one of its own.

    Its user is the time of its end (Unix seconds) and ``name``; its password is their HMAC-SHA1 under the secret that
    the TURN server has too.
    """
    username = f"{int(expires_at.timestamp())}:{name}"
    digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    credential = base64.b64encode(digest).decode()
    return tuple(
        replace(each, username=username, credential=credential) if _wants_one(each) else each for each in servers
    )


def _wants_one(server: IceServer) -> bool:
    return server.urls.startswith(("turn:", "turns:")) and server.username is None and server.credential is None
