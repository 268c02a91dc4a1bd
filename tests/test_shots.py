"""Avatars over time: a picture is always the same, a video is played forth and back."""

from __future__ import annotations

import numpy as np

from app.i420 import from_bgr, planes_of, to_bgr
from app.inference.engine import Clip, Job, Portrait, Window
from app.inference.portrait.ear import SPAN
from app.inference.portrait.engine import PortraitEngine
from app.inference.shots import Shots
from app.inference.trial import loud_window

FRAMES = 40


def moving(portrait: Portrait) -> Portrait:
    """The portrait as a video in which it moves to the right, a pixel a frame."""
    frames = np.stack([np.roll(portrait.image, shift, axis=1) for shift in range(FRAMES)])
    meshes = np.stack([portrait.mesh + np.array([shift, 0], np.float32) for shift in range(FRAMES)])
    return Portrait("video", "video", frames[0], meshes[0], Clip(frames, meshes))


def test_a_picture_is_prepared_once(portrait: Portrait) -> None:
    made: list[int] = []
    shots = Shots(portrait, lambda image, mesh: made.append(1))
    for position in range(100):
        shots.at(position)
        assert shots.rest(position) is shots.rest(0)
    assert made == [1]


def test_a_video_goes_forth_and_back_and_keeps_few_frames_ready(portrait: Portrait) -> None:
    video = moving(portrait)
    made: list[float] = []

    def make(image: np.ndarray, mesh: np.ndarray) -> float:
        made.append(float(mesh[0, 0] - portrait.mesh[0, 0]))
        return made[-1]

    shots = Shots(video, make)
    shown = [round(shots.at(position)) for position in range(2 * FRAMES)]
    assert shown == [*range(FRAMES), *range(FRAMES - 2, -1, -1), 1]
    assert max(abs(np.diff(shown))) == 1
    assert len(made) < 2 * FRAMES, "around the turn they are still known"
    assert video.clip is not None
    assert np.array_equal(shots.rest(FRAMES), from_bgr(video.clip.frames[FRAMES - 2]))


def test_the_portrait_speaks_in_the_frame_of_its_moment(portrait: Portrait) -> None:
    video, engine = moving(portrait), PortraitEngine(life=False)
    prepared = engine.prepare(video)
    window: Window = loud_window(SPAN)
    first, later = engine.render([Job(prepared, window, 0), Job(prepared, window, 7)])
    rest = prepared.rest(7)
    assert (later != rest).any(), "the mouth is open"
    nose, width = int(portrait.mesh[1, 1]), portrait.width
    assert (planes_of(later).y[:nose] == planes_of(rest).y[:nose]).all(), "above the nose all is the video's own"
    assert (planes_of(later).u[: nose // 2] == planes_of(rest).u[: nose // 2]).all()
    shifted = np.roll(to_bgr(first), 7, axis=1).astype(int)[:, 8 : width - 8]
    assert np.abs(shifted - to_bgr(later)[:, 8 : width - 8]).mean() < 1.5, "but for chroma, which lies between pixels"
