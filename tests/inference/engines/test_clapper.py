"""The clapper: the test pattern that makes sync measurable."""

from __future__ import annotations

import numpy as np
import pytest

from app.avatars.avatar import Avatar
from app.i420 import BLACK_LUMA, GREY_CHROMA, WHITE_LUMA, planes_of, size_of
from app.inference.engine import Job
from app.inference.engines.clapper import Clapper
from app.inference.features.window import Window
from app.media import SILENCE, AudioSlice, StageTimestamps


def slice_of(level: float, pts: int = 0) -> AudioSlice:
    return AudioSlice(0, pts, SILENCE, np.full(640, level, np.float32), False, StageTimestamps(0))


@pytest.mark.parametrize(("level", "luma"), [(0.5, WHITE_LUMA), (0.001, BLACK_LUMA), (0.0, BLACK_LUMA)])
def test_clapper_is_white_exactly_when_its_own_slice_is_loud(level: float, luma: int, avatar: Avatar) -> None:
    engine = Clapper()
    (image,) = engine.render([Job(engine.prepare(avatar), Window(slice_of(level), np.zeros((80, 0), np.float32)))])
    assert size_of(image) == (avatar.width, avatar.height)
    planes = planes_of(image)
    assert (planes.u == GREY_CHROMA).all() and (planes.v == GREY_CHROMA).all()
    assert (planes.y[avatar.height // 8 :] == luma).all() and (planes.y[:, : avatar.width // 2] == luma).all()


def test_clapper_writes_the_frame_number(avatar: Avatar) -> None:
    engine = Clapper()
    prepared = engine.prepare(avatar)
    one, two = engine.render(
        [Job(prepared, Window(slice_of(0.0, pts), np.zeros((80, 0), np.float32))) for pts in (1, 1234)]
    )
    assert (one != prepared.idle_frame(0)).any() and (one != two).any()
