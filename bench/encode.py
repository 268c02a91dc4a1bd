"""``bench encode``: what one frame costs to encode as aiortc does, by codec and size."""

from __future__ import annotations

import statistics
from itertools import count, cycle

from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from av import VideoFrame

from app.inference.engine import Job
from app.inference.portrait.engine import PortraitEngine
from app.media import VIDEO_TICKS_PER_FRAME, VIDEO_TIME_BASE
from app.render import read_windows
from app.rtc.peer import limit_video_bitrate
from bench.portrait import SAMPLE, SIDES, default_portrait
from bench.report import report, summary, times_ms

FRAMES = 250
BITRATE = 2_500_000


def main(arguments: list[str] | None = None) -> int:
    """Encode the talking default portrait at several sizes."""
    limit_video_bitrate(BITRATE)
    engine = PortraitEngine()
    windows = list(read_windows(SAMPLE, engine.span))[:FRAMES]
    rows = []
    for side in SIDES:
        prepared = engine.prepare(default_portrait(side))
        images = engine.render([Job(prepared, window) for window in windows])
        for name, encoder in (("VP8", Vp8Encoder()), ("H.264", H264Encoder())):
            turn, pts = cycle(images), count(0, VIDEO_TICKS_PER_FRAME)

            def encode(encoder: Vp8Encoder | H264Encoder = encoder, turn=turn, pts=pts) -> None:  # type: ignore[no-untyped-def]
                frame = VideoFrame.from_ndarray(next(turn), format="yuv420p")
                frame.pts, frame.time_base = next(pts), VIDEO_TIME_BASE
                encoder.encode(frame)

            times = times_ms(encode, FRAMES)
            fps = round(1000 / statistics.median(times))
            rows.append({"codec": name, "picture": f"{side}x{side}", **summary(times), "fps": fps})
    report("encode", rows)
    return 0
