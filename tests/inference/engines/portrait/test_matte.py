from __future__ import annotations

import numpy as np
import pytest

from app.avatars.avatar import Avatar
from app.avatars.background import TRANSPARENT
from app.avatars.reframed import with_background
from app.emphasis import Emphasis
from app.faces.depth import DepthFinder
from app.faces.eyes import EyeFinder
from app.i420 import from_bgr, planes_of
from app.inference.engine import Cutout, Job
from app.inference.engines.clapper import Clapper
from app.inference.engines.portrait.engine import PortraitEngine
from app.inference.engines.portrait.head import displacement, make_head, move_head
from app.inference.engines.portrait.idle_motion import PortraitMotion
from app.inference.engines.portrait.matte import MovingMask
from app.inference.engines.portrait.moment import moment
from app.inference.engines.portrait.viseme_net import SPAN
from app.inference.features.window import Window
from app.media import AudioSlice, StageTimestamps

SILENCE = np.zeros(1920, np.int16)


def quiet(slot: int) -> Window:
    sound = AudioSlice(0, slot, SILENCE, np.zeros(640, np.float32), True, StageTimestamps(0))
    return Window(sound, np.full((80, SPAN.columns), -4, np.float32))


@pytest.fixture(scope="module")
def cut(avatar: Avatar) -> Avatar:
    return with_background(avatar, TRANSPARENT)[0]


def test_a_mask_moves_as_luma_does(cut: Avatar) -> None:
    """A picture whose luma is the mask goes the same way, to the bit."""
    assert cut.mask is not None
    picture = from_bgr(cut.image)
    planes_of(picture).y[:] = cut.mask
    head = make_head(picture, cut.mesh, DepthFinder().find(cut.image, cut.mesh))
    assert head is not None
    field = displacement(head, moment(5, 400, Emphasis(0.8, 0.8)).swing)
    assert field is not None
    moved = picture.copy()
    move_head(moved, head, field)
    assert (MovingMask(cut.mask, head).at(field) == planes_of(moved).y).all()
    assert (planes_of(moved).y != cut.mask).any()


def test_a_head_that_is_still_has_its_own_mask(cut: Avatar) -> None:
    assert cut.mask is not None
    assert MovingMask(cut.mask, None).at(None) is cut.mask


def test_a_jobs_mask_is_where_its_picture_shows_the_person(cut: Avatar) -> None:
    """What lies outside is what the picture has beyond the person's edge, whichever way the head went."""
    engine = PortraitEngine()
    prepared = engine.prepare(cut)
    assert isinstance(prepared, Cutout)
    masks = []
    for position in (0, 100, 300, 700):
        job = Job(prepared, quiet(position), position)
        mask = prepared.matte(job)
        assert mask is not None
        masks.append(mask.astype(int))
        own = PortraitMotion(cut.image, cut.mesh, EyeFinder(), DepthFinder(), cut.mask)
        own_mask = own.matte(Job(own, quiet(position), position))
        assert own_mask is not None and np.array_equal(own_mask, mask)
    assert (masks[0] == cut.mask).all(), "at first nothing has moved"
    assert all((np.abs(mask - masks[0]) > 20).sum() > 200 for mask in masks[1:])


def test_without_life_the_mask_stays(cut: Avatar) -> None:
    prepared = PortraitEngine(idle_motion=False).prepare(cut)
    assert prepared.matte(Job(prepared, quiet(300), 300)) is cut.mask


def test_an_avatar_without_a_mask_and_an_engine_without_a_person_have_none(avatar: Avatar) -> None:
    prepared = PortraitEngine().prepare(avatar)
    assert prepared.matte(Job(prepared, quiet(300), 300)) is None
    assert not isinstance(Clapper().prepare(avatar), Cutout)
