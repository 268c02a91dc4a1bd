"""The clapper: the test pattern that makes sync measurable."""

from __future__ import annotations

import numpy as np
import pytest

from app.inference.clapper import Clapper
from app.inference.engine import Job, Portrait, Window
from app.media import SILENCE, AudioSlice, Journey


def slice_of(level: float, pts: int = 0) -> AudioSlice:
    return AudioSlice(0, pts, SILENCE, np.full(640, level, np.float32), False, Journey(0))


@pytest.mark.parametrize(("level", "brightness"), [(0.5, 255), (0.001, 0), (0.0, 0)])
def test_clapper_is_white_exactly_when_its_own_slice_is_loud(level: float, brightness: int, portrait: Portrait) -> None:
    engine = Clapper()
    (image,) = engine.render([Job(engine.prepare(portrait), Window(slice_of(level), np.zeros((80, 0), np.float32)))])
    assert image.shape == portrait.image.shape
    assert np.median(image) == brightness
    height, width = image.shape[:2]
    assert (image[height // 8 :] == brightness).all() and (image[:, : width // 2] == brightness).all()


def test_clapper_writes_the_frame_number(portrait: Portrait) -> None:
    engine = Clapper()
    prepared = engine.prepare(portrait)
    one, two = engine.render(
        [Job(prepared, Window(slice_of(0.0, pts), np.zeros((80, 0), np.float32))) for pts in (1, 1234)]
    )
    assert (one != prepared.rest(0)).any() and (one != two).any()
