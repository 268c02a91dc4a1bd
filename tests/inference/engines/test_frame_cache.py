"""Avatars over time: a picture is always the same, a video is played forth and back."""

from __future__ import annotations

import numpy as np

from app.avatars.avatar import Avatar, VideoLoop
from app.i420 import from_bgr, planes_of, to_bgr
from app.inference.calibration import loud_window
from app.inference.engine import Job
from app.inference.engines.frame_cache import FrameCache
from app.inference.engines.portrait.engine import PortraitEngine
from app.inference.engines.portrait.viseme_net import SPAN
from app.inference.features.window import Window

FRAMES = 40


def moving(avatar: Avatar) -> Avatar:
    """The portrait as a video in which it moves to the right, a pixel a frame."""
    frames = np.stack([np.roll(avatar.image, shift, axis=1) for shift in range(FRAMES)])
    meshes = np.stack([avatar.mesh + np.array([shift, 0], np.float32) for shift in range(FRAMES)])
    return Avatar("video", "video", frames[0], meshes[0], VideoLoop(frames, meshes))


def test_a_picture_is_prepared_once(avatar: Avatar) -> None:
    made: list[int] = []
    cache = FrameCache(avatar, lambda image, mesh: made.append(1))
    for position in range(100):
        cache.at(position)
        assert cache.idle_frame(position) is cache.idle_frame(0)
    assert made == [1]


def test_a_video_goes_forth_and_back_and_keeps_few_frames_ready(avatar: Avatar) -> None:
    video = moving(avatar)
    made: list[float] = []

    def make(image: np.ndarray, mesh: np.ndarray) -> float:
        made.append(float(mesh[0, 0] - avatar.mesh[0, 0]))
        return made[-1]

    cache = FrameCache(video, make)
    shown = [round(cache.at(position)) for position in range(2 * FRAMES)]
    assert shown == [*range(FRAMES), *range(FRAMES - 2, -1, -1), 1]
    assert max(abs(np.diff(shown))) == 1
    assert len(made) < 2 * FRAMES, "around the turn they are still known"
    assert video.video is not None
    assert np.array_equal(cache.idle_frame(FRAMES), from_bgr(video.video.frames[FRAMES - 2]))


def test_the_portrait_speaks_in_the_frame_of_its_moment(avatar: Avatar) -> None:
    video, engine = moving(avatar), PortraitEngine(idle_motion=False)
    prepared = engine.prepare(video)
    window: Window = loud_window(SPAN)
    first, later = engine.render([Job(prepared, window, 0), Job(prepared, window, 7)])
    rest = prepared.idle_frame(7)
    assert (later != rest).any(), "the mouth is open"
    nose, width = int(avatar.mesh[1, 1]), avatar.width
    assert (planes_of(later).y[:nose] == planes_of(rest).y[:nose]).all(), "above the nose all is the video's own"
    assert (planes_of(later).u[: nose // 2] == planes_of(rest).u[: nose // 2]).all()
    shifted = np.roll(to_bgr(first), 7, axis=1).astype(int)[:, 8 : width - 8]
    assert np.abs(shifted - to_bgr(later)[:, 8 : width - 8]).mean() < 1.5, "but for chroma, which lies between pixels"
