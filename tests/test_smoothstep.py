from __future__ import annotations

import numpy as np

from app.smoothstep import smoothstep


def test_it_rises_from_0_to_1_and_is_level_at_both_ends() -> None:
    t = np.linspace(0, 1, 1001)
    eased = smoothstep(t)
    assert (eased[0], eased[500], eased[-1]) == (0, 0.5, 1)
    slope = np.diff(eased) * 1000
    assert (slope > 0).all() and slope[0] < 0.01 > slope[-1] and slope.argmax() in (499, 500)


def test_a_number_gives_what_an_array_gives_and_float32_stays_float32() -> None:
    t = np.linspace(0, 1, 11)
    assert [smoothstep(float(value)) for value in t] == smoothstep(t).tolist()
    assert smoothstep(t.astype(np.float32)).dtype == np.float32
