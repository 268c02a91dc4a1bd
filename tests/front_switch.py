"""Whether the tests reach the service through a cluster's front, where they can, or at a plain server."""

from __future__ import annotations

import os
import urllib.request
from http.client import HTTPMessage
from typing import IO

SWITCH = "LIPWIRE_TEST_FRONT"
THROUGH_FRONT = os.environ.get(SWITCH) == "1"


class Following(urllib.request.HTTPRedirectHandler):
    """Follows 307 whatever the method, as a client of a cluster has to; the standard library's does GET alone."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        """Return what to ask next."""
        if code != 307:
            return super().redirect_request(req, fp, code, msg, headers, newurl)
        kept = {name: text for name, text in req.header_items() if name not in ("Host", "Authorization")}
        return urllib.request.Request(newurl, req.data, kept, method=req.get_method())


if THROUGH_FRONT:
    urllib.request.install_opener(urllib.request.build_opener(Following))
