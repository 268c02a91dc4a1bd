"""Pictures in the encoder's colours."""

from __future__ import annotations

import numpy as np
import pytest
from av import VideoFrame

from app import i420


@pytest.mark.parametrize(("width", "height"), [(64, 48), (46, 62), (2, 2)])
def test_planes_are_views_of_the_picture_and_lie_as_pyav_reads_them(width: int, height: int) -> None:
    picture = i420.plain(width, height, 100)
    planes = i420.planes_of(picture)
    planes.y[:] = 50
    planes.u[:] = 90
    planes.v[-1, -1] = 200
    assert i420.size_of(picture) == (width, height)
    frame = VideoFrame.from_ndarray(picture, format="yuv420p")
    seen = [np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size) for plane in frame.planes]
    assert (seen[0][:, :width] == 50).all()
    assert (seen[1][:, : width // 2] == 90).all()
    assert seen[2][height // 2 - 1, width // 2 - 1] == 200


def test_a_smooth_picture_survives_the_way_there_and_back() -> None:
    ramp = np.linspace(20, 230, 64 * 96, dtype=np.float32).reshape(64, 96)
    image = np.stack([ramp, ramp[::-1], 255 - ramp], axis=2).astype(np.uint8)
    error = np.abs(i420.to_bgr(i420.from_bgr(image)).astype(int) - image)
    assert error.mean() < 1.5


def test_black_and_white_are_video_levels() -> None:
    white = i420.from_bgr(np.full((4, 4, 3), 255, np.uint8))
    assert (white == i420.plain(4, 4, i420.WHITE_LUMA)).all()
    black = i420.from_bgr(np.zeros((4, 4, 3), np.uint8))
    assert (black == i420.plain(4, 4, i420.BLACK_LUMA)).all()
