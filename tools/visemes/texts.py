"""Sentences to be spoken, from what Debian installs: fortune cookies and the translations of programs' messages."""

from __future__ import annotations

import gettext
import random
import re
from pathlib import Path

FORTUNES = Path("/usr/share/games/fortunes")
LOCALES = Path("/usr/share/locale")
FORTUNE_FOLDERS = {"de": "de", "es": "es", "it": "it", "cs": "cs", "pl": "pl", "ru": "ru"}
FORTUNE_FILES = {
    "en": ("fortunes", "platitudes", "education", "law", "food", "kids", "people", "wisdom", "work", "humorists"),
    "pt": ("brasil",),
}
SHORTEST, LONGEST = 18, 90  # letters
_NOT_SPOKEN = re.compile(r"[%<>{}\[\]\\/|=_@#$^*~`+0-9\x00-\x1f]|--|\bhttp|&")
_SENTENCE = re.compile(r"(?<=[.!?。！？;:])\s+|\n\s*\n")


def sentences(language: str, count: int, seed: int) -> list[str]:
    """Return up to ``count`` different sentences of a language ("en", "de" …), always the same for one seed.

    Raises:
        LookupError: when none are installed; the message names the package.
    """
    found = sorted({s for text in _texts(language) for s in _split(text)})
    if not found:
        raise LookupError(f"no text in {language!r}: install fortunes-{language}, or a package with its translations")
    random.Random(f"{language} {seed}").shuffle(found)
    return found[:count]


def _texts(language: str) -> list[str]:
    files = [FORTUNES / name for name in FORTUNE_FILES.get(language, ())]
    if language in FORTUNE_FOLDERS:
        files += sorted((FORTUNES / FORTUNE_FOLDERS[language]).glob("*"))
    texts = [
        part
        for file in files
        if file.is_file() and file.suffix not in (".dat", ".u8")
        for part in file.read_text("utf-8", "replace").split("\n%\n")
    ]
    return texts or _messages(language)


def _messages(language: str) -> list[str]:
    found = []
    for file in sorted((LOCALES / language / "LC_MESSAGES").glob("*.mo")):
        try:
            with open(file, "rb") as opened:
                catalogue = gettext.GNUTranslations(opened)._catalog  # type: ignore[attr-defined]
        except (OSError, UnicodeDecodeError, ValueError):
            continue
        found += [text for key, text in catalogue.items() if key and isinstance(text, str)]
    return found


def _split(text: str) -> list[str]:
    parts = (re.sub(r"\s+", " ", part).strip(" \"'«»-–—()") for part in _SENTENCE.split(text))
    return [part for part in parts if SHORTEST <= len(part) <= LONGEST and not _NOT_SPOKEN.search(part)]
