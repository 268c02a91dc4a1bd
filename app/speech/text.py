"""What may be spoken, and where a long text can be cut."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from app.errors import Refusal

MOST_CHARACTERS = 10_000
UNSPEAKABLE = {"Cc", "Cs", "Co", "Cn"}  # controls, halves of surrogates, private and unassigned characters
SPACES = "\n\t\r\v\f\x85"  # controls that part words

PAUSED_AT = ".!?…。！？｡।॥؟۔:;"  # with these a piece of a text is one by itself

# where a piece may end, the best first: behind a sentence, a part of one, a word
_ENDS = (
    re.compile(r"\n+|[.!?…]+[\"'”’»)\]]*\s+|[。！？｡]+[」』”]*\s*|[।॥؟۔]+\s*"),
    re.compile(r"[,;:،、，；：]\s*(?!\d)|\s[–—-]\s"),
    re.compile(r"\s+"),
)


def spoken_text(text: str) -> str:
    """Return a text without what nobody can say.

    Raises:
        Refusal: ``text_too_long`` or ``text_empty``.
    """
    if len(text) > MOST_CHARACTERS:
        raise Refusal("text_too_long", f"Speak at most {MOST_CHARACTERS} characters at once; send the rest behind it.")
    said = "".join(" " if c in SPACES and c != "\n" else c for c in text if _speakable(c))
    said = re.sub(r" *\n[ \n]*", "\n", re.sub(r" +", " ", said)).strip()
    if not said:
        raise Refusal("text_empty", "There is nothing to say in this text; send one with words.")
    return said


def pieces_of(text: str, most: int) -> Iterator[str]:
    """Cut a text into pieces of at most ``most`` characters: behind a sentence, else a part of one, else a word."""
    while len(text) > most:
        end = _end_within(text, most)
        if piece := text[:end].strip():
            yield piece
        text = text[end:]
    if text.strip():
        yield text.strip()


def _end_within(text: str, most: int) -> int:
    head = text[: most + 1]
    for pattern in _ENDS:
        # the space behind a piece is not of it
        ends = [found.end() for found in pattern.finditer(head) if len(head[: found.end()].rstrip()) <= most]
        if ends:
            return ends[-1]
    return most


def _speakable(character: str) -> bool:
    return character in SPACES or unicodedata.category(character) not in UNSPEAKABLE
