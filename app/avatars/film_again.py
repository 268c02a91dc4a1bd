"""A video once more, from its frames on the disk: for avatars whose upload nobody kept."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av

from app.avatars.avatar_info import AvatarInfo
from app.avatars.frame_file import FrameFile
from app.avatars.video import FRAMES, VIDEO_MAX_BYTES
from app.media import VIDEO_FPS

QUALITIES = ("12", "20", "28")  # of x264: as good as the frames, unless that takes more than an upload may


def write_film(folder: Path, info: AvatarInfo, out: Path) -> None:
    """Write an avatar's frames as a video that is decoded into as many, of that size.

    Raises:
        ValueError: when they are not whole, or take too much.
        OSError: when they cannot be read, or the video cannot be written.
    """
    frames = FrameFile(folder / FRAMES, info.frames, info.width, info.height)
    for quality in QUALITIES:
        try:
            _encode(frames, info, out, quality)
        except av.FFmpegError as error:
            raise ValueError(f"its frames cannot be encoded: {error}") from error
        if out.stat().st_size <= VIDEO_MAX_BYTES:
            return
    raise ValueError("its frames take more than a video may")


def _encode(frames: FrameFile, info: AvatarInfo, out: Path, quality: str) -> None:
    with av.open(str(out), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=VIDEO_FPS, options={"crf": quality, "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = info.width, info.height, "yuv444p"  # odd sizes, too
        stream.time_base = Fraction(1, VIDEO_FPS)
        for number in range(info.frames):
            frame = av.VideoFrame.from_ndarray(frames[number], format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, VIDEO_FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
