"""Under which names the service is reached, and from which pages it is used."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from app.config import Settings
from app.config.access import ALL, BELOW
from app.config.origin import Authority, Origin, address_of, is_loopback
from app.errors import Refusal

SECURE = {"http": "https", "https": "https", "ws": "https", "wss": "https"}  # a page's scheme, where TLS ends elsewhere
PLAIN = ("http", "ws")
OWN_FETCHES = (b"same-origin", b"none")  # of Sec-Fetch-Site: our own page, or the visitor by hand


class SiteRules:
    """What a browser must say of itself to be let in.

    A page of another site can send requests, but its browser says whose they are (``Origin``). A name that somebody
    else made to lead here (DNS rebinding) would make another site's page look like ours, but the browser says the name
    (``Host``). An address is no such name. Programs that are no browsers say what they like, and are none of this.
    """

    def __init__(self, settings: Settings) -> None:
        public = Authority.parse(urlsplit(settings.public_url).netloc)
        self._own = Origin.of(urlsplit(settings.public_url).scheme, public) if public else None
        self._hosts = {settings.host.lower(), *settings.allowed_hosts, *([public.host] if public else [])}
        self._below = tuple(name.removeprefix("*") for name in settings.allowed_hosts if name.startswith(BELOW))
        self._origins = set(settings.allowed_origins)

    def check_host(self, connection: HTTPConnection) -> None:
        """Let a request in that names the service by a name of its own, or names none, as no browser does.

        Raises:
            Refusal: ``host_not_allowed``.
        """
        named = connection.headers.getlist("host")
        if named and not (len(named) == 1 and self._knows(named[0])):
            raise Refusal(
                "host_not_allowed",
                "The service is not reached under this name; its operator adds it to LIPWIRE_ALLOWED_HOSTS.",
            )

    def check_origin(self, connection: HTTPConnection) -> None:
        """Let a request in that comes from an allowed page, or from none.

        Raises:
            Refusal: ``origin_not_allowed``.
        """
        origins = connection.headers.getlist("origin")
        allowed = self.allows(connection, origins) if origins else self._is_no_foreign_fetch(connection)
        if not allowed:
            raise Refusal(
                "origin_not_allowed",
                "Pages of this site may not do that here; its operator adds their origin to LIPWIRE_ALLOWED_ORIGINS.",
            )

    def allows(self, connection: HTTPConnection, origins: Sequence[str]) -> bool:
        """Whether all of a request's origins, one as a rule, are our own or allowed."""
        own = self._own_origins(connection)
        return ALL in self._origins or all(
            origin is not None and (origin in own or str(origin) in self._origins)
            for origin in map(Origin.parse, origins)
        )

    def _knows(self, host: str) -> bool:
        authority = Authority.parse(host)
        if authority is None:
            return False
        name = authority.host
        is_ours = name in self._hosts or is_loopback(name) or address_of(name) is not None
        return is_ours or name.endswith(self._below) or ALL in self._hosts

    def _own_origins(self, connection: HTTPConnection) -> list[Origin | None]:
        """Return the origins that our own pages have: what the request was sent to, and ``public_url``."""
        authority = Authority.parse(connection.headers.get("host", ""))
        if authority is None:
            return [self._own]
        scheme = connection.scope["scheme"]
        schemes = {SECURE[scheme], "http"} if scheme in PLAIN else {"https"}  # a proxy may have ended TLS
        return [self._own, *(Origin.of(each, authority) for each in schemes)]

    @staticmethod
    def _is_no_foreign_fetch(connection: HTTPConnection) -> bool:
        """Whether a request without an origin may be no other site's: what browsers add besides says so."""
        sites = [value for name, value in connection.scope["headers"] if name == b"sec-fetch-site"]
        return all(site in OWN_FETCHES for site in sites)
