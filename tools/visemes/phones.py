"""What a mouth does for each sound of the International Phonetic Alphabet.

The targets are ours, by eye and by the phonetics of each class; openings are of the inner lips, 1 for an open "ah".
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace

from app.inference.engines.portrait.shape import MouthChannels

SILENCE = "_"


@dataclass(frozen=True, slots=True)
class Phone(MouthChannels):
    """One sound: what a mouth does for it, and how firmly.

    ``hold``: how firmly it keeps its opening against its neighbours (dominance, after M. Cohen and D. Massaro,
    1993). ``lips``: how firmly it keeps its width and rounding.
    """

    hold: float = 1.0
    lips: float = 1.0
    vowel: bool = False


def _vowel(opening: float, wide: float, rounding: float = 0.0, jaw: float | None = None) -> Phone:
    return Phone(opening, opening if jaw is None else jaw, wide, rounding, lips=1.0, hold=0.9, vowel=True)


_STOP = Phone(0.24, 0.22, teeth=0.35, tongue=0.5, hold=0.35, lips=0.1)
_BACK = Phone(0.34, 0.32, hold=0.25, lips=0.08)
_HISS = Phone(0.17, 0.08, 0.2, teeth=1.0, hold=0.8, lips=0.35)
_HUSH = Phone(0.22, 0.10, 0.0, 0.5, teeth=0.8, hold=0.7, lips=0.7)
_DENTAL = Phone(0.24, 0.2, teeth=0.5, tongue=1.0, hold=0.5, lips=0.15)
_PRESSED = Phone(0.0, 0.12, closed=1.0, hold=3.0, lips=0.25)
_TUCKED = Phone(0.07, 0.12, tuck=1.0, teeth=0.4, hold=2.0, lips=0.3)
_LATERAL = Phone(0.36, 0.34, teeth=0.2, tongue=0.8, hold=0.4, lips=0.1)
_TAP = Phone(0.30, 0.28, tongue=0.4, hold=0.3, lips=0.08)
_GLIDE = Phone(0.26, 0.25, 0.5, hold=0.5, lips=0.6)

PHONES: dict[str, Phone] = {
    SILENCE: Phone(0.0, 0.0, hold=1.0, lips=0.5),
    # open vowels
    "a": _vowel(0.95, 0.12),
    "ɑ": _vowel(1.0, 0.0),
    "ɒ": _vowel(0.8, 0.0, 0.35),
    "æ": _vowel(0.85, 0.35),
    **dict.fromkeys("ɐʌ", _vowel(0.68, 0.05)),
    # front
    "ɛ": _vowel(0.65, 0.4),
    "e": _vowel(0.5, 0.5),
    "ɪ": _vowel(0.38, 0.45),
    "i": _vowel(0.30, 0.8),
    "ɨ": _vowel(0.30, 0.35),
    "ɯ": _vowel(0.28, 0.3),
    # middle
    **dict.fromkeys("əɘ", _vowel(0.40, 0.08)),
    **dict.fromkeys("ɜɝɚ", _vowel(0.45, 0.0, 0.2)),
    "ɞ": _vowel(0.5, 0.0, 0.3),
    "ɤ": _vowel(0.45, 0.1),
    # rounded
    "ɔ": _vowel(0.68, 0.0, 0.5, 0.7),
    "o": _vowel(0.45, 0.0, 0.75, 0.5),
    **dict.fromkeys("ɵʊ", _vowel(0.30, 0.0, 0.6, 0.33)),
    "u": _vowel(0.20, 0.0, 0.95, 0.25),
    "ʉ": _vowel(0.22, 0.0, 0.8, 0.25),
    "y": _vowel(0.20, 0.0, 0.9, 0.22),
    "ʏ": _vowel(0.28, 0.0, 0.7, 0.28),
    "ø": _vowel(0.38, 0.0, 0.75, 0.4),
    "œ": _vowel(0.55, 0.0, 0.55, 0.55),
    # lips
    **dict.fromkeys("pbmɓ", _PRESSED),
    **dict.fromkeys("fvɱ", _TUCKED),
    "ʋ": replace(_TUCKED, opening=0.14, tuck=0.7, hold=1.2),
    **dict.fromkeys("βɸ", Phone(0.08, 0.15, 0.1, 0.1, closed=0.3, hold=1.2, lips=0.3)),
    **dict.fromkeys("wʍ", Phone(0.14, 0.18, 0.0, 0.95, hold=1.0, lips=1.0)),
    "ɥ": Phone(0.16, 0.18, 0.0, 0.85, hold=0.9, lips=0.9),
    # tongue tip
    **dict.fromkeys("tdnʈɖɳɗ", _STOP),
    **dict.fromkeys("szʂʐ", _HISS),
    **dict.fromkeys("ʃʒɕʑ", _HUSH),
    **dict.fromkeys("θð", _DENTAL),
    **dict.fromkeys("lɭɫɬ", _LATERAL),
    **dict.fromkeys("rɾɽ", _TAP),
    **dict.fromkeys("ɹɻ", Phone(0.27, 0.25, 0.0, 0.4, hold=0.5, lips=0.5)),
    # tongue back
    **dict.fromkeys("kgŋxɣqχɡɢɴ", _BACK),
    **dict.fromkeys("ʁʀ", replace(_BACK, opening=0.38, jaw=0.36)),
    **dict.fromkeys("jʝçɲʎcɟ", _GLIDE),
    **dict.fromkeys("hɦʔħʕ", Phone(0.4, 0.4, hold=0.04, lips=0.02)),
}


def parse_ipa(symbols: str) -> list[str]:
    """Return the known sounds in a string of IPA, in order: a diphthong is two, an affricate two."""
    found = []
    for symbol in unicodedata.normalize("NFC", symbols):
        plain = symbol if symbol in PHONES else unicodedata.normalize("NFD", symbol)[0]
        if plain in PHONES and plain != SILENCE:
            found.append(plain)
    return found
