"""A short MP4."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np


def make_clip(path: Path) -> Path:
    """Write ten frames."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((96, 64), number * 20, np.uint8), format="yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
