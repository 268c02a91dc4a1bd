"""Short videos of the bundled face, as somebody would upload them."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np

from app.assets import DEFAULT_PICTURE

SIDE = 256


def film(path: Path, frames: int = 15, side: int = SIDE) -> bytes:
    """Write an MP4 in which the face comes slowly nearer; returns its bytes."""
    picture = cv2.imread(str(DEFAULT_PICTURE))
    assert picture is not None
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"g": "10"})
        assert isinstance(stream, av.VideoStream)
        stream.width = stream.height = side
        stream.pix_fmt = "yuv420p"
        for number in range(frames):
            scale = side / picture.shape[0] * (1 + 0.002 * number)
            place = np.array([[scale, 0, -0.1 * number], [0, scale, -0.1 * number]], np.float32)
            drawn = np.asarray(cv2.warpAffine(picture, place, (side, side), flags=cv2.INTER_AREA), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(drawn, format="bgr24")))
        container.mux(stream.encode())
    return path.read_bytes()
