from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from app.avatars.avatar import Avatar
from app.avatars.background import BLURRED, GREEN_SCREEN, TRANSPARENT, Background, composed
from app.avatars.reframed import with_background
from app.emphasis import Emphasis
from app.faces.depth import DepthFinder
from app.faces.eyes import EyeFinder
from app.i420 import from_bgr, planes_of
from app.inference.engines.portrait.backdrop import Backdrop, backdrop_of
from app.inference.engines.portrait.idle_motion import PortraitMotion, idle_motion_of
from tests.faces.scenes import clouds, window

MOVED = (100, 300, 700)  # slots in which the head is elsewhere


@pytest.fixture(scope="module")
def before_patterns(avatar: Avatar) -> Avatar:
    wall = cv2.imencode(".png", clouds(4, 50, (90, 120, 110)).astype(np.uint8))[1].tobytes()
    return with_background(avatar, Background("picture", picture=wall))[0]


@pytest.fixture(scope="module")
def motion(before_patterns: Avatar) -> PortraitMotion:
    found = idle_motion_of(before_patterns, EyeFinder(), DepthFinder())
    assert found is not None
    return found


def test_a_background_with_detail_stands_still_while_the_head_moves(
    motion: PortraitMotion, before_patterns: Avatar
) -> None:
    assert before_patterns.mask is not None
    beyond = cv2.dilate(before_patterns.mask, np.ones((41, 41))) == 0
    still, face = planes_of(motion.still), (slice(250, 480), slice(320, 440))
    for position in MOVED:
        drawn = planes_of(motion.at_rest(position, Emphasis(0.5, 0.5)))
        assert (drawn.y[beyond] == still.y[beyond]).all()
        assert (drawn.u[beyond[::2, ::2]] == still.u[beyond[::2, ::2]]).all()
        assert np.abs(drawn.y[face].astype(int) - still.y[face]).mean() > 0.1, "the face has moved"


def test_without_it_the_background_would_move_along(before_patterns: Avatar) -> None:
    """What the test above is worth."""
    baked = PortraitMotion(before_patterns.image, before_patterns.mesh, EyeFinder(), DepthFinder())
    assert before_patterns.mask is not None
    beyond = cv2.dilate(before_patterns.mask, np.ones((41, 41))) == 0
    drawn, still = (
        planes_of(picture).y[beyond].astype(int) for picture in (baked.at_rest(300, Emphasis(0.5, 0.5)), baked.still)
    )
    assert np.abs(drawn - still).max() > 10


def test_a_head_that_is_still_is_the_picture_as_uploaded(motion: PortraitMotion, before_patterns: Avatar) -> None:
    assert before_patterns.mask is not None
    backdrop = Backdrop(before_patterns.image, before_patterns.mask)
    picture = from_bgr(backdrop.person)
    backdrop.put(picture, before_patterns.mask)
    difference = np.abs(planes_of(picture).y.astype(int) - planes_of(motion.still).y)
    assert difference.mean() < 0.2 and np.percentile(difference, 99.9) < 30


def test_nothing_is_put_behind_where_nobody_would_see_it_move(avatar: Avatar) -> None:
    assert backdrop_of(avatar.image, None) is None
    for background in (GREEN_SCREEN, BLURRED):
        framed, _ = with_background(avatar, background)
        assert backdrop_of(framed.image, framed.mask) is None


def test_what_is_transparent_keeps_its_colours_at_the_edge(avatar: Avatar) -> None:
    cut, _ = with_background(avatar, TRANSPARENT)
    motion = idle_motion_of(cut, EyeFinder(), DepthFinder())
    assert motion is not None and cut.mask is not None
    edge = (cut.mask > 20) & (cut.mask < 120)
    drawn, still = planes_of(motion.at_rest(300, Emphasis(0.5, 0.5))).y[edge], planes_of(motion.still).y[edge]
    assert abs(float(drawn.mean()) - float(still.mean())) < 6


def test_a_mask_of_a_whole_picture_has_nothing_behind(avatar: Avatar) -> None:
    whole = np.full(avatar.image.shape[:2], 255, np.uint8)
    assert backdrop_of(composed(window().astype(np.uint8), whole, GREEN_SCREEN), whole) is None
    assert idle_motion_of(replace(avatar, mask=whole), EyeFinder(), DepthFinder()) is not None
