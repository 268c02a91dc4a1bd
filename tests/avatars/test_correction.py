"""A corrected mouth: where the points go, what goes with them, and what stays."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.avatars.avatar import Avatar, VideoLoop
from app.avatars.correction import corrected, moved
from app.avatars.mouth import HANDLE_POINTS, HANDLES, MIN_WIDTH, Points
from app.faces.mesh import (
    CHIN,
    LEFT_CORNER,
    LEFT_EYE,
    LIP_POINTS,
    LOWER_LIP_BOTTOM,
    LOWER_LIP_EDGE,
    LOWER_LIP_RINGS,
    RIGHT_CORNER,
    RIGHT_EYE,
    UPPER_LIP_RINGS,
)

UPPER_FACE = [33, 133, 362, 263, 70, 300, 10, 168, 6, 1, 2, 98, 327, 234, 454]  # eyes, brows, forehead, nose, ears
PLACES = {handle.name: place for place, handle in enumerate(HANDLES)}


def shifted(mesh: np.ndarray, **shifts: tuple[float, float]) -> Points:
    """The mouth of a mesh with some points moved, in pixels."""
    points = mesh[HANDLE_POINTS].astype(np.float64)
    for name, shift in shifts.items():
        points[PLACES[name]] += shift
    return points


OPENED = {
    "upper_lip_edge": (0, -6), "lower_lip_edge": (1, 8), "lower_lip_bottom": (1, 10), "chin": (3, 14),
}  # fmt: skip
WIDENED = {"left_corner": (-14, 3), "right_corner": (18, -5)}
LIFTED = {"upper_lip_top": (0, -9)}
ALL = [OPENED, WIDENED, LIFTED, {"chin": (6.0, 25.0)}, {handle.name: (7.0, 9.0) for handle in HANDLES}]


@pytest.mark.parametrize("shifts", ALL)
def test_points_land_where_they_were_put_and_the_upper_face_stays(
    shifts: dict[str, tuple[float, float]], avatar: Avatar
) -> None:
    mouth = shifted(avatar.mesh, **shifts)
    mesh = corrected(avatar, mouth).mesh
    assert mesh.dtype == np.float32 and mesh.shape == (468, 2)
    assert np.abs(mesh[HANDLE_POINTS] - mouth).max() < 1e-3
    assert (mesh[UPPER_FACE] == avatar.mesh[UPPER_FACE]).all()


def test_a_mouth_as_it_was_found_moves_nothing(avatar: Avatar) -> None:
    assert np.abs(corrected(avatar, shifted(avatar.mesh)).mesh - avatar.mesh).max() < 1e-3


@pytest.mark.parametrize("shifts", ALL)
def test_neighbours_go_nearly_together(shifts: dict[str, tuple[float, float]], avatar: Avatar) -> None:
    """Within a lip and on the skin; across the slit between the lips they may part."""
    found, mesh = avatar.mesh, corrected(avatar, shifted(avatar.mesh, **shifts)).mesh
    shift = mesh - found
    furthest = max(np.hypot(*one) for one in shifts.values())
    assert np.linalg.norm(shift, axis=1).max() <= furthest + 1e-3, "nothing goes further than what was dragged"
    for rings in (UPPER_LIP_RINGS, LOWER_LIP_RINGS):
        for ring in rings:
            steps = np.linalg.norm(np.diff(shift[list(ring)], axis=0), axis=1)
            assert steps.max() < 0.45 * furthest
            assert (np.diff(mesh[list(ring), 0]) > 0).all(), "a lip's points stay in their order"
    skin = np.setdiff1d(np.arange(468), LIP_POINTS)
    apart = np.linalg.norm(found[skin][:, None] - found[skin][None], axis=2)
    differ = np.linalg.norm(shift[skin][:, None] - shift[skin][None], axis=2)
    assert (differ < 0.1 * furthest + apart).all(), "the skin does not fold"


def test_corners_drawn_apart_scale_the_lips_between_them(avatar: Avatar) -> None:
    found = avatar.mesh.copy()
    middle = (found[RIGHT_CORNER] + found[LEFT_CORNER]) / 2
    # the whole mouth 1.2 times as wide, by its seven points alone
    mouth = found[HANDLE_POINTS].astype(np.float64)
    mouth[:, 0] = middle[0] + 1.2 * (mouth[:, 0] - middle[0])
    mesh = corrected(avatar, mouth).mesh
    lips = [point for rings in (UPPER_LIP_RINGS, LOWER_LIP_RINGS) for ring in rings for point in ring]
    assert np.abs(mesh[lips, 0] - (middle[0] + 1.2 * (found[lips, 0] - middle[0]))).max() < 0.5
    assert np.abs(mesh[lips, 1] - found[lips, 1]).max() < 0.5


def test_a_lifted_lip_keeps_its_shape(avatar: Avatar) -> None:
    shift = corrected(avatar, shifted(avatar.mesh, **LIFTED)).mesh - avatar.mesh
    outline = shift[list(UPPER_LIP_RINGS[0]), 1]
    assert outline.argmin() == 5 and (np.diff(outline[:6]) < 0).all() and (np.diff(outline[5:]) > 0).all()
    assert (outline[3:8] < 0.6 * -9).all(), "not a peak in its middle alone"
    inner = [point for ring in LOWER_LIP_RINGS[:3] for point in ring[1:-1]]
    assert np.abs(shift[inner]).max() < 1e-3, "the lower lip has no part in it"
    assert -9 < shift[164, 1] < -1, "the skin above follows"


def turned(mesh: np.ndarray, degrees: float, scale: float, right: float = 0.0) -> np.ndarray:
    turn = cv2.getRotationMatrix2D((300.0, 300.0), degrees, scale)
    return np.asarray(mesh @ turn[:, :2].T + turn[:, 2] + (right, 0.0), np.float32)


def test_a_video_s_frames_follow_a_head_that_turns_and_comes_nearer(avatar: Avatar) -> None:
    poses = [(0.0, 1.0, 0.0), (15.0, 1.3, 40.0), (-30.0, 0.6, -70.0), (170.0, 1.0, 0.0)]
    meshes = np.stack([turned(avatar.mesh, *pose) for pose in poses])
    frames = np.zeros((len(poses), 2, 2, 3), np.uint8)
    film = Avatar("video", "video", frames[0], meshes[0], VideoLoop(frames, meshes))
    mouth = shifted(avatar.mesh, **OPENED, **WIDENED)
    result = corrected(film, mouth)
    assert result.video is not None and result.video.frames is frames
    assert (result.mesh == result.video.meshes[0]).all()
    alone = corrected(avatar, mouth).mesh
    for mesh, pose in zip(result.video.meshes, poses, strict=True):
        assert np.abs(mesh - turned(alone, *pose)).max() < 0.05
    assert (meshes == np.stack([turned(avatar.mesh, *pose) for pose in poses])).all(), "what was found is untouched"


def test_a_head_turned_sideways_narrows_the_correction_too(avatar: Avatar) -> None:
    aside = avatar.mesh * np.array([0.7, 1], np.float32)
    result = moved(np.stack([avatar.mesh, aside]), shifted(avatar.mesh, right_corner=(10, 6)))
    assert np.allclose(result[1, LEFT_CORNER] - aside[LEFT_CORNER], (7, 6), atol=0.3)


def test_lips_that_are_pressed_later_are_not_drawn_through_each_other(avatar: Avatar) -> None:
    opened = avatar.mesh.copy()
    opened[[LOWER_LIP_EDGE, LOWER_LIP_BOTTOM, CHIN]] += (0, 10)
    closing = {"lower_lip_edge": (0, -9), "lower_lip_bottom": (0, -9), "chin": (0, -9)}
    result = moved(np.stack([opened, avatar.mesh]), shifted(opened, **closing))
    rows = result[1, HANDLE_POINTS[2:], 1]
    assert (np.diff(rows) > -3).all() and rows[0] == pytest.approx(avatar.mesh[0, 1], abs=0.01)


@pytest.mark.parametrize("degrees", [0.0, 90.0, -140.0])
def test_a_mouth_narrowed_in_a_smile_keeps_its_corners_apart_when_it_is_pursed(degrees: float, avatar: Avatar) -> None:
    pursed = scaled_mouth(avatar.mesh, 0.45)
    smile = scaled_mouth(avatar.mesh, 1.5)
    width = float(smile[LEFT_CORNER, 0] - smile[RIGHT_CORNER, 0])
    apart = float(np.linalg.norm(smile[LEFT_EYE] - smile[RIGHT_EYE]))
    narrowed = turned(smile, degrees, 1.0)[HANDLE_POINTS].astype(np.float64)
    along = turned(np.array([[0, 0], [1, 0]]), degrees, 1.0)
    shift = 0.4 * width * (along[1] - along[0])
    narrowed[PLACES["left_corner"]] += shift
    narrowed[PLACES["right_corner"]] -= shift
    result = moved(np.stack([turned(mesh, degrees, 1.0) for mesh in (smile, pursed)]), narrowed)
    assert np.allclose(result[0, HANDLE_POINTS], narrowed, atol=1e-3)
    upright = turned(result[1], -degrees, 1.0)
    assert upright[LEFT_CORNER, 0] - upright[RIGHT_CORNER, 0] == pytest.approx(MIN_WIDTH * apart, abs=0.1)
    assert (np.diff(upright[HANDLE_POINTS[2:], 1]) > -1).all(), "and its rows stay below each other"
    for ring in (*UPPER_LIP_RINGS, *LOWER_LIP_RINGS):
        assert upright[ring[0], 0] < upright[ring[-1], 0]


def scaled_mouth(mesh: np.ndarray, factor: float) -> np.ndarray:
    """The face with a wider or narrower mouth."""
    scaled = mesh.copy()
    middle = (mesh[RIGHT_CORNER, 0] + mesh[LEFT_CORNER, 0]) / 2
    scaled[LIP_POINTS, 0] = middle + factor * (mesh[LIP_POINTS, 0] - middle)
    return scaled
