"""Where a face looks: the shares, lengths and speeds of people's eyes."""

from __future__ import annotations

import numpy as np
import pytest

from app.inference.engines.portrait.gaze import FARTHEST, FLATTER, gaze_at

FINE = 250  # a second: finer than pictures, to see a saccade
MINUTES = 20


def way(
    seed: int, talking: float, attending: float = 0.0, per_second: int = 25, seconds: int = 60 * MINUTES
) -> np.ndarray:
    times = np.arange(seconds * per_second) / per_second
    return np.array([(g.x, g.y) for g in (gaze_at(seed, float(t), talking, attending) for t in times)])


def away(places: np.ndarray) -> np.ndarray:
    return np.asarray(np.hypot(*places.T) > 2.0)


def runs(flags: np.ndarray) -> np.ndarray:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    return np.asarray(edges[1::2] - edges[::2])


@pytest.mark.parametrize("seed", [1, 77, 2**32 - 1])
def test_who_talks_looks_away_a_quarter_of_the_time_and_who_listens_hardly_ever(seed: int) -> None:
    talks, listens, attends = away(way(seed, 1.0)), away(way(seed, 0.0)), away(way(seed, 0.0, 1.0))
    assert 0.17 < talks.mean() < 0.30, "Eyes Alive: 23%"
    assert 0.02 < listens.mean() < 0.09, "and 5%"
    assert attends.mean() < listens.mean()
    assert 0.6 < runs(talks).mean() / 25 < 1.2 and 2.0 < runs(~talks).mean() / 25 < 4.5
    assert runs(listens).mean() / 25 < 0.7 and runs(~listens).mean() / 25 > 5


def test_a_glance_is_two_to_eight_degrees_and_flatter_than_wide() -> None:
    places = way(5, 1.0)
    far = np.hypot(*places.T)
    assert far.max() <= FARTHEST + 0.01 and far.max() > 6
    assert np.abs(places[:, 1]).max() <= FLATTER * FARTHEST + 0.5
    assert abs(places[:, 0].mean()) < 0.6 and abs(places[:, 1].mean()) < 0.6, "no side is preferred"


def test_saccades_keep_to_the_main_sequence() -> None:
    """A saccade of so many degrees takes 21 ms and 2.2 ms a degree: large ones are the faster."""
    places = way(9, 1.0, per_second=FINE, seconds=120)
    speed = np.hypot(*np.diff(places, axis=0).T) * FINE
    moving = speed > 5
    lengths = runs(moving) / FINE
    assert lengths.max() <= 0.048
    starts = np.flatnonzero(np.diff(np.concatenate([[0], moving.astype(int)])) == 1)
    ends = starts + runs(moving)
    amplitudes = np.hypot(*(places[ends] - places[starts]).T)
    peaks = np.array([speed[a:b].max() for a, b in zip(starts, ends, strict=True)])
    large, small = amplitudes > 5, (amplitudes > 0.5) & (amplitudes < 2)
    assert large.sum() > 5 and 150 < np.median(peaks[large]) < 500, "degrees a second, as people's"
    assert np.median(peaks[small]) < np.median(peaks[large]) / 2


def test_between_saccades_eyes_rest_for_as_long_as_people_s() -> None:
    places = way(11, 0.0)
    still = np.hypot(*np.diff(places, axis=0).T) < 0.01
    lengths = runs(still) / 25
    assert 0.35 < np.median(lengths) < 1.2 and still.mean() > 0.8


def test_it_is_a_function_of_time_alone_and_epochs_join() -> None:
    forth = [gaze_at(5, t / 7, 0.5) for t in range(0, 9000, 11)]
    back = [gaze_at(5, t / 7, 0.5) for t in reversed(range(0, 9000, 11))]
    assert forth == back[::-1]
    assert gaze_at(6, 100.0, 0.5) != gaze_at(5, 100.0, 0.5)
    for epoch in (240.0, 480.0):
        before, after = gaze_at(5, epoch - 0.001, 1.0), gaze_at(5, epoch + 0.001, 1.0)
        assert np.hypot(before.x - after.x, before.y - after.y) < 0.05
    assert np.isfinite([gaze_at(5, 10.0**8, 1.0).x, gaze_at(5, -3.0, 1.0).y]).all()
