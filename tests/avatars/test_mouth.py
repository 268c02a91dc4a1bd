"""The seven points: what is read as a mouth, and each way in which it is none."""

from __future__ import annotations

import numpy as np
import pytest

from app.avatars.avatar import Avatar
from app.avatars.mouth import MouthError, check_mouth, mouth_as_json, parse_mouth
from tests.avatars.test_correction import OPENED, WIDENED, shifted, turned


def test_points_are_read_as_they_are_written(avatar: Avatar) -> None:
    mouth = shifted(avatar.mesh, **OPENED)
    data = mouth_as_json(mouth)
    assert (parse_mouth(data) == mouth).all()
    data["points"].reverse()
    data["points"][0]["label"] = "whatever"
    assert (parse_mouth(data) == mouth).all()


def point(name: str = "chin", x: object = 1.0, y: object = 2) -> dict[str, object]:
    return {"name": name, "x": x, "y": y}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (None, "bad_points"),
        ([], "bad_points"),
        ({"points": {}}, "bad_points"),
        ({"points": [7]}, "bad_point"),
        ({"points": [{"name": 3}]}, "bad_point"),
        ({"points": [{"name": "chin", "x": 1}]}, "bad_point"),
        ({"points": [point(x="1")]}, "bad_point"),
        ({"points": [point(x=True)]}, "bad_point"),
        ({"points": [point(y=float("nan"))]}, "bad_point"),
        ({"points": [point(y=float("-inf"))]}, "bad_point"),
        ({"points": [point(y=10**400)]}, "bad_point"),
        ({"points": [point(), point()]}, "bad_point"),
        ({"points": [point("nose")]}, "unknown_point"),
        ({"points": [point("\ud800")]}, "unknown_point"),
        ({"points": [point()]}, "missing_point"),
        ({"points": []}, "missing_point"),
    ],
)
def test_what_is_no_list_of_points_is_refused(data: object, code: str) -> None:
    with pytest.raises(MouthError) as caught:
        parse_mouth(data)
    assert caught.value.code == code and caught.value.message.endswith(".")
    assert caught.value.message.encode(), "whatever was sent, the answer can be"


@pytest.mark.parametrize(
    ("shifts", "code"),
    [
        ({"chin": (0, 400)}, "point_outside"),
        ({"left_corner": (-400, 0)}, "point_outside"),
        ({"left_corner": (110, 0), "right_corner": (-110, 0)}, "mouth_upside_down"),
        ({"left_corner": (45, 0), "right_corner": (-45, 0)}, "mouth_too_narrow"),
        ({"upper_lip_top": (0, -60)}, "mouth_above_nose"),
        ({"upper_lip_top": (0, 15)}, "lips_crossed"),
        ({"lower_lip_edge": (0, -8)}, "lips_crossed"),
        ({"lower_lip_bottom": (0, -25)}, "lips_crossed"),
        ({"chin": (0, -60)}, "lips_crossed"),
    ],
)
def test_what_is_no_mouth_is_refused(shifts: dict[str, tuple[float, float]], code: str, avatar: Avatar) -> None:
    with pytest.raises(MouthError) as caught:
        check_mouth(shifted(avatar.mesh, **shifts), avatar.mesh, avatar.width, avatar.height)
    assert caught.value.code == code and "Drag" in caught.value.message and caught.value.message.endswith(".")


@pytest.mark.parametrize("degrees", [0.0, 90.0, 180.0])
def test_a_mouth_may_be_anything_that_speaks(degrees: float, avatar: Avatar) -> None:
    """Also in a picture that lies on its side; and edges that were pulled a pixel too far are closed lips."""
    for shifts in ({}, OPENED, WIDENED, {"lower_lip_edge": (0.0, -2.0)}):
        mouth = turned(shifted(avatar.mesh, **shifts), degrees, 1.0).astype(np.float64)
        check_mouth(mouth, turned(avatar.mesh, degrees, 1.0), 2000, 2000)


def test_a_chin_that_was_found_below_the_picture_may_stay_there(avatar: Avatar) -> None:
    mouth = shifted(avatar.mesh)
    height = int(avatar.mesh[152, 1]) - 5
    check_mouth(mouth, avatar.mesh, avatar.width, height)
    with pytest.raises(MouthError, match="outside the picture"):
        check_mouth(shifted(avatar.mesh, chin=(0, 2)), avatar.mesh, avatar.width, height)
