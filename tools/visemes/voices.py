"""Who speaks: the synthesisers' voices, which of them teach and which are kept apart to judge by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tools.visemes.espeak import espeak
from tools.visemes.festival import speak_festival, speak_flite
from tools.visemes.speech import Utterance

PACKAGES = (
    "espeak-ng flite festival festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts festvox-ca-ona-hts "
    "festvox-czech-dita festvox-czech-krb festvox-czech-machac festvox-czech-ph festvox-italp16k festvox-itapc16k "
    "festvox-suopuhe-lj festvox-suopuhe-mv festvox-ru festvox-hi-nsk festvox-mr-nsk festvox-te-nsk "
    "fortunes fortunes-de fortunes-es fortunes-it fortunes-cs fortunes-pl fortunes-br fortunes-ru fluidsynth "
    "timgm6mb-soundfont"
)


@dataclass(frozen=True, slots=True)
class Voice:
    """One voice. ``kind``: espeak, flite or festival; ``held_out`` voices never teach."""

    kind: str
    name: str
    language: str
    phone_set: str = "ipa"
    encoding: str = "utf-8"
    held_out: bool = False

    def speak(self, texts: list[str], random: np.random.Generator) -> list[Utterance]:
        """Say every text, at paces and pitches of its own choosing.

        Raises:
            OSError: when the synthesiser is not installed; ``PACKAGES`` names what is needed.
        """
        if self.kind == "espeak":
            return [
                espeak().speak(
                    text,
                    self.name,
                    int(random.integers(115, 260)),
                    int(random.integers(15, 90)),
                    int(random.integers(20, 90)),
                )
                for text in texts
            ]
        stretch = float(random.uniform(0.75, 1.35))
        if self.kind == "flite":
            return speak_flite(texts, self.name, stretch)
        return speak_festival(texts, self.name, self.phone_set, self.encoding, stretch)


def _espeak(names: str, held_out: bool = False) -> list[Voice]:
    return [Voice("espeak", name, _language(name), held_out=held_out) for name in names.split()]


def _language(voice: str) -> str:
    return voice.split("+")[0].split("-")[0]


_ENGLISH = (
    "en-us en-gb-x-rp+f2 en-us+m3 en-gb-scotland+m1 en-us+f5 en+klatt2 en-us+Annie en+Mike en+whisper en-us+Andrea "
    "en+Hugo en-us+klatt4 en-us+f3 en-gb-x-rp+m5 en+grandma en-us+anikaRobot en+belinda en-us+edward2"
)
_OTHERS = (
    "de+f1 de+m2 de+klatt3 es+m4 es+f2 es-419+Mario fr+m1 fr+f4 fr+Jacky it+f3 it+m2 pt-br+f2 pt+m3 ru+f1 ru+m2 pl+f2 "
    "pl+m4 cs+m3 cs+f3 lv+f2 ro+m1 hi+f3 hi+m4 tr+f1 tr+m3 nl+m1 nl+f5 sv+f2 sv+klatt el+m4 hu+f1 da+f3 da+m2 ca+f2 "
    "fi+m5 fr+whisperf de+whisper es+iven2 it+Alicia"
)
VOICES: list[Voice] = [
    *_espeak(_ENGLISH),
    *_espeak(_OTHERS),
    *_espeak("en-us+f4 de+m7 es+f4 it+m7 ru+m7 fr+m6 pl+f4", held_out=True),
    *(Voice("flite", name, "en") for name in ("kal", "kal16", "rms", "slt")),
    Voice("flite", "awb", "en", held_out=True),
    Voice("festival", "kal_diphone", "en", "radio", "latin-1"),
    Voice("festival", "ked_diphone", "en", "radio", "latin-1", held_out=True),
    Voice("festival", "czech_dita", "cs", "czech", "iso-8859-2"),
    Voice("festival", "czech_krb", "cs", "czech", "iso-8859-2"),
    Voice("festival", "czech_ph", "cs", "czech", "iso-8859-2"),
    Voice("festival", "czech_machac", "cs", "czech", "iso-8859-2", held_out=True),
    Voice("festival", "lp_diphone", "it", "italian", "latin-1"),
    Voice("festival", "pc_diphone", "it", "italian", "latin-1"),
    Voice("festival", "suo_fi_lj_diphone", "fi", "finnish", "latin-1"),
    Voice("festival", "hy_fi_mv_diphone", "fi", "finnish", "latin-1", held_out=True),
    Voice("festival", "msu_ru_nsh_clunits", "ru", "russian"),
    Voice("festival", "hindi_NSK_diphone", "hi", "indic"),
    Voice("festival", "marathi_NSK_diphone", "mr", "indic"),
    Voice("festival", "telugu_NSK_diphone", "te", "indic"),
    # a synthesiser of another kind, statistical with its own vocoder, of which no voice teaches
    Voice("festival", "cmu_us_slt_arctic_hts", "en", "radio", "latin-1", held_out=True),
    Voice("festival", "upc_ca_ona_hts", "ca", "italian", "latin-1", held_out=True),
]
