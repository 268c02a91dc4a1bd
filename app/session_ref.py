"""What a session is called: its bare id, and, in a cluster, a reference that also says whose it is.

A reference is ``<bare id>.<seal>`` (``cluster/seals.py``). Two references with one bare id are one session at
two times.
"""

from __future__ import annotations

import re
import secrets

ID_BYTES = 12  # a token names a session, so no two may ever have one id; nor may recordings
DOT = "."
LONGEST_REF = 256  # characters
_PATH = re.compile(r"/(?:api/sessions|whep)/(?P<ref>[^/]+)(?:/.*)?")


def new_id() -> str:
    """Make a bare id that no other session has or had."""
    return secrets.token_hex(ID_BYTES)


def is_bare_id(text: str) -> bool:
    """Tell whether a text could have been made by :func:`new_id`."""
    return re.fullmatch(f"[0-9a-f]{{{2 * ID_BYTES}}}", text) is not None


def bare(ref: str) -> str:
    """Return the bare id in a reference; a bare id is its own."""
    return ref.partition(DOT)[0]


def seal_in(ref: str) -> str:
    """Return the seal in a reference, empty where there is none."""
    return ref.partition(DOT)[2]


def ref_in_path(path: str) -> str | None:
    """Return the reference, or the bare id, that a request's path names; None where no owner need answer it."""
    found = _PATH.fullmatch(path)
    return found["ref"] if found else None
