"""A video file → its pictures at 25 a second, upright and small, whatever it was made at."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from app.avatars.picture import PictureError
from app.media import VIDEO_FPS, Image

MARK_BYTES = 12
WEBM_MARK = b"\x1a\x45\xdf\xa3"
MP4_MARK = b"ftyp"
STILLS = (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")  # pictures

MAX_S = 60
MAX_FRAMES = MAX_S * VIDEO_FPS + VIDEO_FPS // 2  # a minute's recording is often a few frames over
MAX_PIXELS = 4096 * 2304  # a decoder holds up to 17 such pictures
LACKING = Fraction(1, 2)  # seconds that the file promises and does not hold


class Timed(Protocol):
    """A decoded picture with its time, as PyAV has it: ``duration`` is 0 where it is not known."""

    pts: int | None
    time_base: Fraction | None
    duration: int


T = TypeVar("T", bound=Timed)


@dataclass(frozen=True, slots=True)
class Held(Generic[T]):
    """A picture and for how many frames of 40 ms it is shown."""

    frame: T
    frames: int


@dataclass(frozen=True, slots=True)
class Still:
    """``image``: uint8 (height, width, 3), BGR, upright, even sides; shown for ``frames`` of 40 ms."""

    image: Image
    frames: int


def video_format(head: bytes) -> str | None:
    """Tell a video by its first ``MARK_BYTES``: FFmpeg's name of the container, or None."""
    if head.startswith(WEBM_MARK):
        return "matroska"
    if head[4:8] == MP4_MARK and head[8:12] not in STILLS:
        return "mp4"
    return None


def expected_frames(path: Path) -> int:
    """Count from the packets' times how many frames of 40 ms there will be; decodes nothing.

    Raises:
        PictureError: ``not_a_video``, ``video_too_long``, ``video_empty``, ``video_broken``, ``too_many_pixels``.
    """
    begin, end = None, Fraction(0)
    with _opened(path) as (container, stream):
        base = stream.time_base or Fraction(1, VIDEO_FPS)
        for packet in container.demux(stream):
            if packet.is_corrupt:
                raise _broken()
            if packet.pts is not None:
                begin = packet.pts * base if begin is None else min(begin, packet.pts * base)
                end = max(end, (packet.pts + (packet.duration or 0)) * base)
        promised = stream.duration * base if stream.duration else Fraction(0)
    if begin is None:
        raise _broken() if promised else _empty()
    length = end - begin
    if length * VIDEO_FPS > MAX_FRAMES:
        raise _too_long()
    if promised - length > LACKING:
        raise _broken()
    return max(1, round(length * VIDEO_FPS))


def stills(path: Path, max_side: int) -> Iterator[Still]:
    """Yield the pictures, each once with how long it is shown; the first gives all their size.

    Raises:
        PictureError: ``not_a_video``, ``video_too_long``, ``video_empty``, ``video_broken``, ``too_many_pixels``.
    """
    shape: _Shape | None = None
    total = 0
    with _opened(path) as (container, stream):
        for held in at_video_fps(container.decode(stream)):
            total += held.frames
            if total > MAX_FRAMES:
                raise _too_long()
            if shape is None:
                shape = _Shape.of(held.frame, stream.sample_aspect_ratio, max_side)
            yield Still(shape.picture(held.frame), held.frames)
    if shape is None:
        raise _empty()


def at_video_fps(frames: Iterable[T]) -> Iterator[Held[T]]:
    """Hold each frame for the 25ths of a second that it is nearest to; one that is nearest to none is left out.

    Frames come in the order of their times; one that is not later than the one before is left out too.
    """
    held: T | None = None
    origin = at = length = Fraction(0)
    done = 0
    for frame in frames:
        base = frame.time_base or Fraction(1, VIDEO_FPS)
        now = frame.pts * base - origin if frame.pts is not None else at + length
        if held is None:
            origin, now = now, Fraction(0)
        elif now <= at:
            continue
        else:
            length = now - at
            until = math.ceil((at + now) / 2 * VIDEO_FPS)
            if until > done:
                yield Held(held, until - done)
                done = until
        held, at = frame, now
        length = frame.duration * base or length or Fraction(1, VIDEO_FPS)
    if held is not None:
        until = max(round((at + length) * VIDEO_FPS), 1)
        if until > done:
            yield Held(held, until - done)


@dataclass(frozen=True, slots=True)
class _Shape:
    """How pictures are made: their size in pixels before they are turned, and the quarter turns anticlockwise."""

    width: int
    height: int
    quarter_turns: int

    @classmethod
    def of(cls, frame: av.VideoFrame, pixel_aspect: Fraction | None, max_side: int) -> _Shape:
        width = frame.width * (pixel_aspect or Fraction(1))
        scale = min(Fraction(1), max_side / max(width, Fraction(frame.height)))
        return cls(_even(width * scale), _even(frame.height * scale), round(frame.rotation / 90) % 4)

    def picture(self, frame: av.VideoFrame) -> Image:
        small = frame.reformat(self.width, self.height, "bgr24", interpolation="AREA", threads=1)
        return np.ascontiguousarray(np.rot90(small.to_ndarray(), self.quarter_turns), np.uint8)


def _even(side: Fraction) -> int:
    return max(2, int(side) // 2 * 2)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a file as what its first bytes say it is: FFmpeg must not guess, as some formats name other files."""
    with open(path, "rb") as file:
        format = video_format(file.read(MARK_BYTES))
    if format is None:
        raise not_a_video()
    try:
        with av.open(
            str(path), "r", format, container_options={"protocol_whitelist": "file"}, metadata_errors="ignore"
        ) as container:
            yield container, _moving(container)
    except av.EOFError as error:
        raise _empty() from error
    except av.FFmpegError as error:
        raise _broken() from error


def _moving(container: InputContainer) -> VideoStream:
    for stream in container.streams.video:
        if Disposition.attached_pic not in stream.disposition and stream.codec_context is not None:
            if stream.width * stream.height > MAX_PIXELS:
                raise PictureError(
                    "too_many_pixels", "The video's pictures are too large. Save it smaller, such as 1080p."
                )
            stream.thread_count = 1  # the other cores are the sessions'
            return stream
    raise not_a_video()


def not_a_video() -> PictureError:
    """Make the refusal of a file in which there is no video."""
    return PictureError("not_a_video", "The file holds no video that can be read. Use an MP4 or WebM.")


def _too_long() -> PictureError:
    return PictureError("video_too_long", f"The video is longer than {MAX_S} seconds. Cut out a part of it.")


def _empty() -> PictureError:
    return PictureError("video_empty", "There are no pictures in the video. Save it again, or use another one.")


def _broken() -> PictureError:
    return PictureError("video_broken", "The video is damaged or was cut short. Save it again.")
