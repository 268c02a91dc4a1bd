"""``bench encode``: what a picture costs to encode, how sharp it stays and how many bits it takes.

Processor time, on one thread. ``aiortc`` is the encoder that aiortc would use by itself.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from aiortc.codecs import h264, vpx
from av import CodecContext, Packet, VideoFrame

from app.assets import SAMPLE
from app.commands.render import read_windows
from app.inference.engine import Job
from app.inference.engines.portrait.engine import PortraitEngine
from app.media import I420, VIDEO_FPS, VIDEO_TICKS_PER_FRAME, VIDEO_TIME_BASE
from app.rtc.picture_encoder import Effort, PictureCodec, make_encoder
from bench.portrait import SIDES, default_avatar
from bench.report import report, summary

FRAMES = 250
BITRATE, MOST_BITRATE = 1_500_000, 2_500_000
CODECS: tuple[PictureCodec, ...] = ("H264", "VP8")
DECODERS = {"H264": "h264", "VP8": "vp8"}

Encode = Callable[[I420, int], bytes]


def main(arguments: list[str] | None = None) -> int:
    """Encode the talking default portrait, alive, at several sizes."""
    parser = argparse.ArgumentParser(prog="bench encode")
    parser.add_argument("--sides", type=int, nargs="+", default=list(SIDES))
    wanted = parser.parse_args(arguments)
    engine = PortraitEngine()
    windows = list(read_windows(SAMPLE, engine.span))[:FRAMES]
    rows = []
    for side in wanted.sides:
        prepared = engine.prepare(default_avatar(side))
        pictures = [engine.render([Job(prepared, window, n)])[0] for n, window in enumerate(windows)]
        for codec in CODECS:
            rows.append(_measured(codec, "aiortc", side, pictures, _aiortc(codec)))
            rows += [_measured(codec, effort.value, side, pictures, _ours(codec, effort)) for effort in Effort]
    report("encode", rows)
    return 0


def _measured(codec: PictureCodec, effort: str, side: int, pictures: list[I420], encode: Encode) -> dict[str, Any]:
    decoder: Any = CodecContext.create(DECODERS[codec], "r")
    times, bits, errors = [], 0, []
    for number, picture in enumerate(pictures):
        begun = time.process_time()
        data = encode(picture, number)
        times.append((time.process_time() - begun) * 1000)
        bits += 8 * len(data)
        for frame in decoder.decode(Packet(data)):
            luma = frame.to_ndarray(format="yuv420p")[:side].astype(np.float32)
            errors.append(float(np.mean(np.square(luma - picture[:side]))))
    return {
        "codec": codec,
        "effort": effort,
        "picture": f"{side}x{side}",
        **summary(times[5:]),
        "psnr_db": round(float(10 * np.log10(255**2 / np.mean(errors))), 1),
        "kbit_s": round(bits * VIDEO_FPS / len(pictures) / 1000),
    }


def _ours(codec: PictureCodec, effort: Effort) -> Encode:
    encoder = make_encoder(codec, BITRATE, MOST_BITRATE, effort)
    return lambda picture, number: encoder.encode(picture, number, False).data


def _aiortc(codec: PictureCodec) -> Encode:
    encoder: Any = h264.H264Encoder() if codec == "H264" else vpx.Vp8Encoder()
    encoder.target_bitrate = BITRATE
    depayload = h264.h264_depayload if codec == "H264" else vpx.vp8_depayload

    def encode(picture: I420, number: int) -> bytes:
        frame = VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts, frame.time_base = number * VIDEO_TICKS_PER_FRAME, VIDEO_TIME_BASE
        payloads, _ = encoder.encode(frame)
        return b"".join(map(depayload, payloads))

    return encode
