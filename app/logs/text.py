"""Text for a log: on one line, without what must not be written down."""

from __future__ import annotations

import re

MOST_CHARACTERS = 4000  # of one text
SECRET_NAMES = r"\w*(?:auth|authorization|credential|key|password|secret|signature|token)"
KEY_ID = r"(?!key_[0-9a-f]{12}\b)"  # names a key and opens nothing
_SECRETS = re.compile(
    rf"""
    (?P<named>\b{SECRET_NAMES}=["']?){KEY_ID}[^\s"'&\#;,]+               # ?token=…
    | (?P<quoted>["']{SECRET_NAMES}["']\s*:\s*["']){KEY_ID}[^"']+         # "token": "…"
    | (?P<header>\bauthorization["']?\s*[:,=]\s*\w?["']?)[^"']+  # Authorization: Bearer …
    | (?P<scheme>\b(?:Bearer|Basic)\s+)[^\s"',]{{8,}}
    | (?P<user>\w://)[^\s/@"']+(?=@)                             # ://user:password@host
    | (?P<place>/whep/[^\s/"'?]+/)[^\s/"'?]+                      # a viewer's own path
    | (?<![\w-])eyJ[\w-]++\.[\w-]+\.[\w-]*                     # a signed token, wherever it stands
    """,
    re.VERBOSE | re.IGNORECASE,
)


def clean(text: str) -> str:
    """Return a text that is one line on any terminal, of a bounded length, with secrets left out.

    Control characters, those that turn the direction of writing, and whatever else cannot be seen become escapes.
    """
    whole, text = len(text), text[: MOST_CHARACTERS + 1]
    if not text.isprintable():
        text = "".join(each if each.isprintable() else _escape(each) for each in text)
    is_cut, text = len(text) > MOST_CHARACTERS, _SECRETS.sub(_without_secret, text[:MOST_CHARACTERS])
    return f"{text}… (of {whole} characters)" if is_cut else text


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _without_secret(found: re.Match[str]) -> str:
    return next((kept for kept in found.groupdict().values() if kept), "") + "…"
