"""What every answer says to browsers: what its page may load and do, and who may show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.types import Scope

from app.api.problems import MEDIA_TYPE
from app.config.origin import Authority, is_loopback

PAGE_TYPE = "text/html"
FRAMEABLE = ("/watch", "/embed")  # by the sites that the operator names
HEARING = ("/",)  # has a use for the microphone
JSON_TYPES = ("application/json", MEDIA_TYPE)
EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # a token may stand in the address
    "Cross-Origin-Resource-Policy": "same-origin",
}
NO_PAGE_POLICY = "default-src 'none'; frame-ancestors 'none'"  # of what is no page, should it be shown as one
PAGE_POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",  # icons are data
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)
POWERS = ("camera", "display-capture", "geolocation", "hid", "midi", "payment", "serial", "usb", "xr-spatial-tracking")
HSTS = f"max-age={180 * 24 * 3600}"


def headers_for(
    scope: Scope, answered: Mapping[str, str], embed_origins: Sequence[str], connects: Sequence[str] = ()
) -> dict[str, str]:
    """Return the headers of an answer, which its route may have said otherwise.

    ``answered`` are those it has; ``embed_origins`` may show the pages that are made to be shown; ``connects`` are
    where pages may connect to beside the service itself.
    """
    headers = dict(EVERYWHERE)
    kind = answered.get("content-type", "")
    if kind.startswith(PAGE_TYPE):
        headers |= _of_page(scope["path"].rstrip("/") or "/", embed_origins, connects)
    elif kind:  # else it is empty, or tells a browser that what it has is still right
        headers["Content-Security-Policy"] = NO_PAGE_POLICY
    if kind in JSON_TYPES:
        headers["Cache-Control"] = "no-store"  # tokens may stand in it
    if scope["scheme"] in ("https", "wss") and _has_name_of_its_own(scope):
        headers["Strict-Transport-Security"] = HSTS
    return headers


def _of_page(path: str, embed_origins: Sequence[str], connects: Sequence[str]) -> dict[str, str]:
    is_frameable = path in FRAMEABLE or path.startswith("/watch/")
    framers = " ".join(["'self'", *(embed_origins if is_frameable else ())])
    connecting = " ".join(["connect-src 'self'", *connects])  # of sockets too
    microphone = "(self)" if path in HEARING else "()"
    forbidden = [f"{power}=()" for power in POWERS]
    allowed = [f"{power}=(self)" for power in ("autoplay", "fullscreen", "clipboard-write")]
    return {
        "Content-Security-Policy": "; ".join([*PAGE_POLICY, connecting, f"frame-ancestors {framers}"]),
        "Permissions-Policy": ", ".join([f"microphone={microphone}", *allowed, *forbidden]),
        "Cross-Origin-Opener-Policy": "same-origin",
    }


def _has_name_of_its_own(scope: Scope) -> bool:
    """Whether it is not reached as this very machine, whose every port the header would move to TLS."""
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    authority = Authority.parse(host)
    return authority is not None and not is_loopback(authority.host)
