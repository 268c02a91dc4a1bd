"""The site's own address."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from app.config import Settings


def site_of(request: HTTPConnection, settings: Settings) -> str:
    """Return the address at which clients reach the service: ``public_url``, or what the request says.

    Without a slash at its end. The request's host was checked before (``site_rules.py``), as it gets into links.
    """
    return settings.public_url or str(request.base_url).rstrip("/")
