"""What a detector takes and how its answer is read; no network runs here."""

from __future__ import annotations

import numpy as np
import pytest

from app.faces.detector import ANSWER_POINTS, DETECTORS, Detector, FaceBox, distinct

SMALL = Detector("none", 128, ((2, 1),))


def box(x: float, y: float, side: float, score: float = 0.9) -> FaceBox:
    return FaceBox(x, y, side, side, score, (x, y), (x + side, y))


def test_a_face_that_is_found_twice_is_returned_once_by_its_surest_box() -> None:
    sure, doubtful = box(100, 100, 80, 0.95), box(105, 98, 90, 0.7)
    assert distinct([doubtful, sure]) == [sure]


def test_a_box_inside_another_is_the_same_face() -> None:
    assert box(0, 0, 100).overlap(box(40, 40, 20)) == 1
    assert box(0, 0, 100).overlap(box(200, 0, 100)) == 0


def test_two_faces_come_with_the_largest_first() -> None:
    near, far = box(0, 0, 200, 0.7), box(300, 0, 50, 0.95)
    assert distinct([far, near]) == [near, far]


def test_a_wide_picture_lies_at_the_top_of_the_square_and_the_rest_is_grey() -> None:
    taken = SMALL.takes(np.full((100, 200, 3), (255, 0, 127), np.uint8))
    assert taken.shape == (128, 128, 3) and taken.dtype == np.float32
    assert taken[:64] == pytest.approx(np.broadcast_to((127 / 127.5 - 1, -1, 1), (64, 128, 3)))  # red first
    assert not taken[64:].any()


def test_boxes_are_read_in_pixels_of_the_picture_from_their_anchors() -> None:
    values = np.zeros((1, 4, 2 * ANSWER_POINTS), np.float32)
    values[0, 3, :8] = 0, 0, 32, 64, -12.8, -6.4, 12.8, -6.4  # centre, size and both eyes, in the square's pixels
    scores = np.full((1, 4, 1), -9, np.float32)
    scores[0, 3] = 9
    (found,) = SMALL.boxes([scores, values], np.zeros((100, 200, 3), np.uint8))
    assert (found.x, found.y, found.width, found.height) == pytest.approx((125, 100, 50, 100))  # around ¾ of 200
    assert found.right_eye == pytest.approx((130, 140)) and found.left_eye == pytest.approx((170, 140))
    assert found.score > 0.99 and found.side == 50


@pytest.mark.parametrize("detector", DETECTORS)
def test_each_file_has_the_anchors_that_its_answer_counts(detector: Detector) -> None:
    assert len(detector._anchors()) == {256: 896, 192: 2304}[detector.side]
