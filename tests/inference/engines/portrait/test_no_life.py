"""Without life nothing but the mouth's own area differs from the picture, whatever the face is asked to look like."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from app.avatars.avatar import Avatar
from app.avatars.bundled import bundled_avatar
from app.faces.face import FaceFinder
from app.i420 import from_bgr, planes_of
from app.inference.engine import Job
from app.inference.engines.frame_cache import FrameCache
from app.inference.engines.portrait.area import Area
from app.inference.engines.portrait.blinks import blink_at
from app.inference.engines.portrait.engine import PortraitEngine
from app.inference.engines.portrait.face_rig import FaceRig, make_rig
from app.inference.expression import NEUTRAL, Expression
from app.inference.features.window import Window
from app.media import I420
from tests.spoken import example, windows

FACES = ("default", "ingrid", "amara", "bolt")
MOODS = tuple(Expression(**{name: 1.0}) for name in ("warm", "serious", "surprised", "sorry"))
LOOKS = (NEUTRAL, *MOODS, Expression(attending=1.0), Expression(nod=1.0), Expression(sorry=0.5, attending=1.0, nod=0.7))
NOSE_TIP = 1  # of the mesh
SLOTS = (0, 61, 250, 1111, 90_000)


@pytest.fixture(scope="module", params=FACES)
def face(request: pytest.FixtureRequest) -> Avatar:
    return bundled_avatar(request.param, FaceFinder(), 1080)


@pytest.fixture(scope="module")
def heard() -> list[Window]:
    """Words from the loudest to a phrase's end."""
    return windows(example().pcm)[20:80:6]


def slots(face: Avatar) -> tuple[int, ...]:
    """Some, and one in which a face with life has its eyes shut."""
    seed = zlib.crc32(face.image.tobytes())
    return (*SLOTS, next(slot for slot in range(100, 1000) if blink_at(seed, slot) > 0.99))


def jobs(prepared: FrameCache[FaceRig], face: Avatar, heard: list[Window]) -> Iterator[Job]:
    for slot in slots(face):
        for number, looks in enumerate(LOOKS):
            yield Job(prepared, heard[(slot + number) % len(heard)], slot, looks)


def changed(picture: I420, still: I420) -> NDArray[np.bool_]:
    """Which pixels of luma differ, or have a chroma that does."""
    now, before = planes_of(picture), planes_of(still)
    chroma = (now.u != before.u) | (now.v != before.v)
    return np.asarray((now.y != before.y) | np.kron(chroma, np.ones((2, 2), bool)))


def outside(mask: NDArray[np.bool_], area: Area) -> NDArray[np.bool_]:
    beyond = mask.copy()
    beyond[area.at] = False
    return beyond


def test_only_the_mouths_area_changes_in_any_mood_and_slot(face: Avatar, heard: list[Window]) -> None:
    engine, still, area = PortraitEngine(idle_motion=False), from_bgr(face.image), make_rig(face.image, face.mesh).area
    nose = int(face.mesh[NOSE_TIP, 1])
    assert face.mesh[:, 1].min() < nose - 100, "brows and eyes lie above it"
    prepared, moved = engine.prepare(face), 0
    for job in jobs(prepared, face, heard):
        (picture,) = engine.render([job])
        differs = changed(picture, still)
        assert not outside(differs, area).any() and not differs[:nose].any(), (job.position, job.expression)
        moved += bool(differs.any())
        (plain,) = engine.render([replace(job, expression=NEUTRAL)])
        assert (picture == plain).all(), "nor does the mouth know of a mood"
    assert moved > len(LOOKS), "it speaks"


def test_nothing_changes_at_rest(face: Avatar) -> None:
    prepared = PortraitEngine(idle_motion=False).prepare(face)
    assert prepared.idle_motion is None
    for slot in slots(face):
        assert not changed(prepared.idle_frame(slot), from_bgr(face.image)).any()


def test_what_is_looked_for_would_be_seen(face: Avatar, heard: list[Window]) -> None:
    """With life every one of these looks changes something above the nose: brows, lids, or the whole head."""
    engine, still = PortraitEngine(), from_bgr(face.image)
    prepared, nose = engine.prepare(face), int(face.mesh[NOSE_TIP, 1])
    for looks in MOODS:
        (picture,) = engine.render([Job(prepared, heard[0], 0, looks)])  # a head does not move yet
        assert changed(picture, still)[:nose].any(), looks
