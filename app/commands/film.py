"""The file that ``render`` writes: MP4, or with a transparent background WebM (VP9) or MOV (ProRes 4444)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from app.i420 import planes_of, size_of
from app.media import AUDIO_TIME_BASE, I420, SAMPLE_RATE, SAMPLES_PER_FRAME, VIDEO_FPS, TalkingFrame

MONO_BITRATE = 128_000


@dataclass(frozen=True, slots=True)
class FilmFormat:
    """How a file is written. ``pixels``: the encoder's; ``alpha``: whether they say what is transparent.

    ``signed``: whether it can be marked after it was written, as MP4 can.
    """

    container: str
    video: str
    sound: str
    pixels: str = "yuv420p"
    alpha: bool = False
    signed: bool = False
    options: dict[str, str] = field(default_factory=dict)
    container_options: dict[str, str] = field(default_factory=dict)


MP4 = FilmFormat(
    "mp4",
    "libx264",
    "aac",
    signed=True,
    options={"crf": "18", "preset": "veryfast"},  # visually lossless
    container_options={"movflags": "+faststart"},
)
# VP9 codes what is transparent as a picture of its own, beside each
_VP9 = {"crf": "20", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"}
WEBM = FilmFormat("webm", "libvpx-vp9", "libopus", options=_VP9)
# without reference frames that are not shown: players pair pictures and their alpha one by one
WEBM_ALPHA = FilmFormat(
    "webm", "libvpx-vp9", "libopus", "yuva420p", alpha=True, options=_VP9 | {"auto-alt-ref": "0", "lag-in-frames": "0"}
)
MOV = FilmFormat("mov", "prores_ks", "pcm_s16le", "yuv444p10le", options={"profile": "4444", "vendor": "apl0"})
MOV_ALPHA = FilmFormat(
    "mov",
    "prores_ks",
    "pcm_s16le",
    "yuva444p10le",
    alpha=True,
    options={"profile": "4444", "vendor": "apl0", "alpha_bits": "16"},
)
_FORMATS = {(".webm", False): WEBM, (".webm", True): WEBM_ALPHA, (".mov", False): MOV, (".mov", True): MOV_ALPHA}


def format_of(out: Path, alpha: bool) -> FilmFormat | None:
    """Tell by a file's ending how it is written; anything but ``.webm`` and ``.mov`` is an MP4, which has no alpha."""
    return _FORMATS.get((out.suffix.lower(), alpha), None if alpha else MP4)


class Film:
    """A file that is being written, a frame at a time."""

    def __init__(self, container: Any, format: FilmFormat, width: int, height: int) -> None:
        self._container, self._format = container, format
        video = container.add_stream(format.video, rate=VIDEO_FPS, options=format.options)
        video.width, video.height, video.pix_fmt = width, height, format.pixels
        if format.container != "mp4":
            video.codec_context.colorspace, video.codec_context.color_range = Colorspace.ITU601, ColorRange.MPEG
        sound = container.add_stream(format.sound, rate=SAMPLE_RATE, layout="mono")
        if format.sound != "pcm_s16le":
            sound.bit_rate = MONO_BITRATE
        self._video, self._sound = video, sound

    def add(self, frame: TalkingFrame, mask: NDArray[np.uint8] | None) -> None:
        """Write the next one. ``mask``: 255 where it is opaque; only where the format has alpha."""
        self._container.mux(self._video.encode(self._picture(frame, mask)))
        self._container.mux(self._sound.encode(_voice(frame)))

    def finish(self) -> None:
        """Write what the encoders hold back."""
        self._container.mux(self._video.encode())
        self._container.mux(self._sound.encode())

    def _picture(self, frame: TalkingFrame, mask: NDArray[np.uint8] | None) -> av.VideoFrame:
        if mask is None:
            picture = av.VideoFrame.from_ndarray(frame.image, format="yuv420p")
        else:
            picture = _with_alpha(frame.image, mask)
        if self._format.container != "mp4":
            picture.colorspace, picture.color_range = Colorspace.ITU601, ColorRange.MPEG
        if picture.format.name != self._format.pixels:
            picture = picture.reformat(
                format=self._format.pixels,
                src_colorspace=Colorspace.ITU601,
                dst_colorspace=Colorspace.ITU601,
                src_color_range=ColorRange.MPEG,
                dst_color_range=ColorRange.MPEG,
            )
            if mask is not None:  # which the conversion leaves a little short of opaque
                _set_plane(picture.planes[3], ((mask.astype(np.uint32) * 1023 + 127) // 255).astype(np.uint16))
        picture.pts, picture.time_base = frame.pts, Fraction(1, VIDEO_FPS)
        return picture


@contextmanager
def film(out: Path, format: FilmFormat, width: int, height: int, tags: dict[str, str]) -> Iterator[Film]:
    """Open a file to write.

    Raises:
        av.FFmpegError, OSError: when it cannot be written.
    """
    with av.open(str(out), "w", format=format.container, options=format.container_options) as container:
        container.metadata.update(tags)
        yield Film(container, format, width, height)


def _with_alpha(image: I420, mask: NDArray[np.uint8]) -> av.VideoFrame:
    width, height = size_of(image)
    picture, planes = av.VideoFrame(width, height, "yuva420p"), planes_of(image)
    for plane, pixels in zip(picture.planes, (planes.y, planes.u, planes.v, mask), strict=True):
        _set_plane(plane, pixels)
    return picture


def _set_plane(plane: Any, pixels: NDArray[Any]) -> None:
    rows = np.frombuffer(plane, pixels.dtype).reshape(plane.height, plane.line_size // pixels.itemsize)
    rows[:, : plane.width] = pixels


def _voice(frame: TalkingFrame) -> av.AudioFrame:
    planar = np.ascontiguousarray(frame.audio.reshape(1, -1))
    voice = av.AudioFrame.from_ndarray(planar, format="s16", layout="mono")
    voice.sample_rate, voice.time_base = SAMPLE_RATE, AUDIO_TIME_BASE
    voice.pts = frame.pts * SAMPLES_PER_FRAME
    return voice
