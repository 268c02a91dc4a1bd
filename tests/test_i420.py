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


def test_a_chroma_pixel_is_the_mean_of_its_four() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    image[0, 0] = image[1, 1] = (0, 0, 255)  # half of the first four are red
    image[2:, 2:] = (0, 0, 255)
    red = i420.planes_of(i420.from_bgr(image)).v.astype(int) - 128
    assert abs(red[0, 0] - red[1, 1] / 2) <= 1 and red[1, 1] > 100 and red[0, 1] == red[1, 0] == 0


def test_both_chromas_are_seen_together() -> None:
    picture = i420.plain(6, 10, 50)
    i420.chromas_of(picture)[1] = 77
    assert (i420.planes_of(picture).v == 77).all() and (i420.planes_of(picture).u == 128).all()


@pytest.mark.parametrize(("width", "height"), [(32, 22), (30, 20)])
def test_a_patch_is_put_where_it_came_from(width: int, height: int) -> None:
    random = np.random.default_rng(1)
    image = random.integers(0, 255, (height, width, 3), dtype=np.uint8)
    whole, patched = i420.from_bgr(image), i420.plain(width, height, 100)
    i420.put(patched, 6, 4, i420.from_bgr(image[4:18, 6:28]))
    now, was = i420.planes_of(patched), i420.planes_of(whole)
    assert (now.y[4:18, 6:28] == was.y[4:18, 6:28]).all() and (now.y[:4] == 100).all() and (now.y[:, 28:] == 100).all()
    assert (now.u[2:9, 3:14] == was.u[2:9, 3:14]).all() and (now.v[2:9, 3:14] == was.v[2:9, 3:14]).all()
    assert (now.u[9:] == 128).all() and (now.v[:, :3] == 128).all()


def test_black_and_white_are_video_levels() -> None:
    white = i420.from_bgr(np.full((4, 4, 3), 255, np.uint8))
    assert (white == i420.plain(4, 4, i420.WHITE_LUMA)).all()
    black = i420.from_bgr(np.zeros((4, 4, 3), np.uint8))
    assert (black == i420.plain(4, 4, i420.BLACK_LUMA)).all()
