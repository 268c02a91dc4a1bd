"""``bench portrait --quality``: does the portrait say what it hears? Voices kept apart, judged in the picture.

Speech with known phoneme times is spoken by synthesisers' voices that taught nothing, drawn on the bundled portrait,
and the lips are measured in the pictures by the face mesh, as anybody would measure them on a person. Real speech
with a film of its speaker can be given beside it (``--film``).
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import soundfile
import soxr

from app.avatars.avatar import Avatar
from app.commands.render import read_windows
from app.faces.detector import FaceBox
from app.faces.face import FaceFinder
from app.faces.mesh import LEFT_CORNER, LEFT_EYE, LOWER_LIP_EDGE, RIGHT_CORNER, RIGHT_EYE, UPPER_LIP_EDGE
from app.i420 import to_bgr
from app.inference.engine import Job
from app.inference.engines.portrait.engine import PortraitEngine
from app.inference.engines.portrait.shape import CHANNELS
from app.inference.engines.portrait.viseme_driver import mouth_shape
from app.inference.engines.portrait.warp import MAX_OPENING
from app.inference.features.mel import COLUMNS_PER_SECOND
from app.inference.features.window import Window
from app.media import MODEL_RATE, VIDEO_FPS, Image
from bench.head_motion import head_rows
from bench.report import report
from tools.visemes.music import play
from tools.visemes.report import caught, likeness, parted
from tools.visemes.sounds import noise_of, whispered
from tools.visemes.speech import Numbers, Utterance
from tools.visemes.targets import SOUNDS, sounds_at, trajectory
from tools.visemes.texts import sentences
from tools.visemes.voices import PACKAGES, VOICES, Voice

SENTENCES = 4  # of each voice
SEED = 2026
COLUMNS_PER_FRAME = 3.2
SHUT = 0.035  # above the lips' distance at rest, in mouth widths: closed to the eye
LAGS = range(-3, 4)
OPENING = CHANNELS.index("opening")


class Observer:
    """Measures the lips in pictures of one portrait, with the mesh that anybody would use."""

    def __init__(self, avatar: Avatar) -> None:
        self._finder = FaceFinder()
        self._box: FaceBox = self._finder.find(avatar.image)[0]
        self.width_px = float(np.linalg.norm(avatar.mesh[RIGHT_CORNER] - avatar.mesh[LEFT_CORNER]))
        self.rest = self.gap(avatar.image)

    def gap(self, image: Image) -> float:
        """Return the inner lips' distance, in mouth widths; without a face to be found, wide open: no good mark."""
        mesh = self._finder.mesh(image, self._box)
        if mesh is None:
            return 1.0
        return float(np.linalg.norm(mesh[UPPER_LIP_EDGE] - mesh[LOWER_LIP_EDGE])) / self.width_px


def main(avatar: Avatar, film: list[Path]) -> int:
    """Judge voices, quiet sounds and, where given, films of real speakers."""
    cv2.setNumThreads(1)
    engine = PortraitEngine(idle_motion=False)
    observer = Observer(avatar)
    prepared = engine.prepare(avatar)

    def draw(windows: list[Window]) -> list[Image]:
        return [to_bgr(picture) for picture in engine.render([Job(prepared, window) for window in windows])]

    report("portrait quality: head", head_rows())
    try:
        rows = _voices(observer, draw)
        quiet = [_rest(kind, wave, observer) for kind, wave in _quiet_sounds()]
    except (OSError, LookupError) as error:
        print(f"{error}\nIt needs the synthesisers: apt-get install {PACKAGES}")
        return 1
    report("portrait quality: voices", rows)
    report("portrait quality: at rest", quiet)
    if film:
        report("portrait quality: films", [_film(path, observer, draw) for path in film])
    return 0


def _voices(observer: Observer, draw: Callable[[list[Window]], list[Image]]) -> list[dict[str, Any]]:
    figures: dict[str, list[dict[str, float]]] = defaultdict(list)
    random = np.random.default_rng(SEED)
    for voice in VOICES:
        if voice.held_out:
            for spoken in voice.speak(sentences(voice.language, SENTENCES, SEED), random):
                row = _judged(spoken, observer, draw)
                figures[_kind(voice)].append(row)
                figures["all"].append(row)
    return [
        {"voices": kind, "sentences": len(rows)}
        | {key: round(_over(key, [row[key] for row in rows]), 3) for key in rows[0]}
        for kind, rows in figures.items()
    ]


def _over(key: str, figures: list[float]) -> float:
    return float(np.nanmax(figures) if key.endswith("max") else np.nanmean(figures))


def _kind(voice: Voice) -> str:
    return "festival, statistical" if voice.name.endswith("hts") else voice.kind


def _judged(spoken: Utterance, observer: Observer, draw: Callable[[list[Window]], list[Image]]) -> dict[str, float]:
    windows = windows_of(spoken.wave)
    seen = np.array([observer.gap(image) for image in draw(windows)]) - observer.rest
    shapes = [mouth_shape(window) for window in windows]
    middles = (np.arange(len(windows)) + 0.5) * COLUMNS_PER_FRAME
    columns = 1 + len(spoken.wave) * COLUMNS_PER_SECOND // MODEL_RATE
    truth = trajectory(spoken.segments, columns)
    true = truth[np.minimum(middles.round().astype(int), len(truth) - 1)]
    sounds = sounds_at(spoken.segments, len(truth))
    lags = [likeness(seen[3 + lag : len(seen) - 3 + lag], true[3 : len(true) - 3, OPENING]) for lag in LAGS]
    quiet = np.array([SOUNDS[sounds[min(int(middle), len(sounds) - 1)]] == "_" for middle in middles])
    return {
        "opening": likeness(seen, true[:, OPENING]),
        "lag": float(LAGS[int(np.nanargmax(lags))]) if not np.isnan(lags).all() else float("nan"),
        "rounding": likeness(np.array([shape.rounding for shape in shapes]), true[:, CHANNELS.index("rounding")]),
        "width": likeness(np.array([shape.wide for shape in shapes]), true[:, CHANNELS.index("wide")]),
        "pbm_closed": caught(sounds, middles, seen < SHUT, "pbmɓ"),
        "fv_tucked": caught(sounds, middles, np.array([shape.tuck for shape in shapes]) > 0.4, "fvɱ"),
        "ntdl_shut": parted(spoken.segments, seen < SHUT),
        "falsely_closed": float(np.mean(seen[true[:, OPENING] > 0.4] < SHUT))
        if (true[:, OPENING] > 0.4).any()
        else float("nan"),
        "in_silence": float(np.mean(seen[quiet])) if quiet.any() else float("nan"),
        "step_p995": float(np.percentile(np.abs(np.diff(seen)), 99.5)),  # of the inner lips, mouth widths a picture
        "step_max": float(np.abs(np.diff(seen)).max()),
    }


def _quiet_sounds() -> list[tuple[str, Numbers]]:
    """Return ten seconds each of what should leave a mouth alone, and a whisper, which should not."""
    random = np.random.default_rng(SEED)
    count = 10 * MODEL_RATE
    music = play(30.0, random)
    found = [("silence", np.zeros(count, np.float32))]
    for kind in ("coloured", "hum", "music", "breath", "clicks"):
        for dbfs in (-50, -25):
            noise = noise_of(count, random, music, kind)
            found.append((f"{kind} {dbfs} dBFS", noise / np.sqrt(np.mean(np.square(noise))) * 10 ** (dbfs / 20)))
    voice = next(voice for voice in VOICES if voice.held_out)
    spoken = voice.speak(sentences(voice.language, 2, SEED), random)
    wave = np.concatenate([one.wave for one in spoken])
    found.append(("speech", wave))
    found.append(("whisper", whispered(wave, random)))
    return [(name, np.asarray(wave, np.float32)) for name, wave in found]


def _rest(kind: str, wave: Numbers, observer: Observer) -> dict[str, Any]:
    """Say how much the lips' edges move, in pixels of a picture 512 wide."""
    at_512 = MAX_OPENING * observer.width_px * 512 / 768
    opening = np.array([mouth_shape(window).opening for window in windows_of(wave)]) * at_512
    steps = np.abs(np.diff(opening))
    return {
        "sound": kind,
        "open_px_median": round(float(np.median(opening)), 2),
        "open_px_max": round(float(opening.max()), 2),
        "step_px_p95": round(float(np.percentile(steps, 95)), 2),
        "moving": f"{100 * float(np.mean(opening > 0.5)):.0f}%",
    }


def _film(path: Path, observer: Observer, draw: Callable[[list[Window]], list[Image]]) -> dict[str, Any]:
    """Compare a real speaker's inner lips with ours at the same sound."""
    finder = FaceFinder()
    times, true, widths = [], [], []
    with av.open(str(path)) as film:
        for frame in film.decode(video=0):
            image = np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
            faces = finder.find(image)
            mesh = finder.mesh(image, faces[0]) if faces else None
            if mesh is not None and frame.time is not None:
                times.append(frame.time)
                gap = np.linalg.norm(mesh[UPPER_LIP_EDGE] - mesh[LOWER_LIP_EDGE])
                eyes = np.linalg.norm(mesh[RIGHT_EYE] - mesh[LEFT_EYE])
                true.append(gap / eyes)
                widths.append(np.linalg.norm(mesh[RIGHT_CORNER] - mesh[LEFT_CORNER]) / eyes)
    with av.open(str(path)) as film:
        rate = film.streams.audio[0].rate
        parts = [av.AudioResampler("flt", "mono", rate).resample(frame)[0] for frame in film.decode(audio=0)]
    wave = np.concatenate([part.to_ndarray()[0] for part in parts])
    windows = windows_of(np.asarray(soxr.resample(wave, rate, MODEL_RATE), np.float32))
    seen = np.array([observer.gap(image) for image in draw(windows)])
    loud = np.array([20 * np.log10(np.sqrt(np.mean(np.square(window.sound.model))) + 1e-4) for window in windows])
    middles = (np.arange(len(seen)) + 0.5) / VIDEO_FPS
    heard = {lag: likeness(np.interp(np.array(times) + lag / VIDEO_FPS, middles, seen), np.array(true)) for lag in LAGS}
    return {
        "film": path.stem,
        "seconds": round(float(middles[-1]), 1),
        "opening": round(heard[0], 3),
        "best_lag": max(heard, key=lambda lag: heard[lag]),
        "loudness_alone": round(likeness(np.interp(times, middles, loud), np.array(true)), 3),
        "step_p995": round(float(np.percentile(np.abs(np.diff(seen)), 99.5)), 3),
        "film_step_p995": round(_step_of(np.array(times), np.array(true) / float(np.median(widths))), 3),
    }


def _step_of(times: Numbers, gap: Numbers) -> float:
    """Return what the inner lips move by in 40 ms, mouth widths, in all but 1 of 200 pictures of a film."""
    speed = np.abs(np.diff(gap)) / np.maximum(np.diff(times), 1e-3)
    return float(np.percentile(speed / VIDEO_FPS, 99.5))


def windows_of(wave: Numbers) -> list[Window]:
    """Return what the engine hears of float32 (n,) at 16 kHz."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        soundfile.write(file.name, wave, MODEL_RATE, subtype="FLOAT")
        return list(read_windows(Path(file.name), PortraitEngine.span))
