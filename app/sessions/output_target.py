"""Where an output goes: its address checked, and as much of it as may be shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import SplitResult, urlsplit

import httpx

from app.errors import Refusal
from app.rtc.rtmp.publisher import RtmpTarget
from app.rtc.whip_client import WhipTarget

OutputKind = Literal["whip", "rtmp"]

LONGEST_URL = 2048
LONGEST_TOKEN = 4096
LONGEST_SHOWN = 16  # a part of a WHIP address that is longer may be a secret
MASK = "***"
PORTS = {"rtmp": 1935, "rtmps": 443}

_PRINTABLE = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class OutputRequest:
    """What was asked for. ``token``: a WHIP endpoint's Bearer token, or an RTMP server's stream key."""

    kind: OutputKind
    url: str
    token: str | None = None


def whip_target(request: OutputRequest) -> WhipTarget:
    """Check a WHIP endpoint's address.

    Raises:
        Refusal: ``bad_output_url`` or ``bad_output_token``.
    """
    _split(request.url, ("http", "https"))
    try:
        httpx.URL(request.url)
    except httpx.InvalidURL as error:
        raise _bad_url(f"The address cannot be read: {error}.") from None
    if request.token is not None:
        _check_token(request.token)
    return WhipTarget(request.url, request.token)


def rtmp_target(request: OutputRequest) -> RtmpTarget:
    """Check an RTMP server's address, and take it apart: with a token the path is the app, else its last part the key.

    Raises:
        Refusal: ``bad_output_url`` or ``bad_output_token``.
    """
    url = _split(request.url, ("rtmp", "rtmps"))
    app, key = url.path.strip("/"), request.token
    query = f"?{url.query}" if url.query else ""
    if key is None:
        app, _, last = app.rpartition("/")
        key = last + query
        if not app or not last:
            raise _bad_url("An RTMP address is rtmp://host/app/key, or rtmp://host/app with the key as token.")
    else:
        _check_token(key)
        app += query
        if not app:
            raise _bad_url("The address names no app; with the key as token it is rtmp://host/app.")
    assert url.hostname is not None
    return RtmpTarget(url.hostname, url.port or PORTS[url.scheme], url.scheme == "rtmps", app, key)


def shown_url(request: OutputRequest) -> str:
    """Return an address that was checked, without what may be secret."""
    url = urlsplit(request.url)
    host = url.netloc.rpartition("@")[2]
    credentials = f"{MASK}@" if "@" in url.netloc else ""
    parts = url.path.split("/")
    if request.kind == "rtmp":
        parts = [*parts[:-1], MASK] if request.token is None else parts
    else:
        parts = [MASK if len(part) > LONGEST_SHOWN else part for part in parts]
    query = f"?{MASK}" if url.query else ""
    return f"{url.scheme}://{credentials}{host}{'/'.join(parts)}{query}"


def _split(text: str, schemes: tuple[str, ...]) -> SplitResult:
    allowed = " or ".join(f"{scheme}://" for scheme in schemes)
    if len(text) > LONGEST_URL or not _PRINTABLE.fullmatch(text):
        raise _bad_url(f"Give an address of up to {LONGEST_URL} printable characters that begins with {allowed}.")
    try:
        url = urlsplit(text)
        hostname, port = url.hostname, url.port
    except ValueError:
        raise _bad_url("The address cannot be read; check its host and port.") from None
    if url.scheme not in schemes or not hostname:
        raise _bad_url(f"The address must begin with {allowed} and name a host.")
    if port == 0:
        raise _bad_url("The address's port must be 1 to 65535.")
    if url.fragment:
        raise _bad_url("The address has a part after #, which servers are never sent; leave it out.")
    if "rtmp" in schemes and "@" in url.netloc:
        raise _bad_url("A user and password in an RTMP address are not supported; a stream key is.")
    return url


def _check_token(token: str) -> None:
    if len(token) > LONGEST_TOKEN or not _PRINTABLE.fullmatch(token):
        message = f"The token must be 1 to {LONGEST_TOKEN} printable characters without spaces."
        raise Refusal("bad_output_token", message)


def _bad_url(message: str) -> Refusal:
    return Refusal("bad_output_url", message)
