from __future__ import annotations

import pytest

from bench.placing.erlang import places_needed, refused_share


def test_known_values_of_the_table() -> None:
    # one place: a caller finds it taken with the share a / (1 + a)
    assert refused_share(1, 1.0) == pytest.approx(0.5)
    assert refused_share(2, 1.0) == pytest.approx(0.2)
    # from printed tables of Erlang's formula: 10 places refuse 1% at 4.461 erlang, 100 places at 84.06
    assert refused_share(10, 4.461) == pytest.approx(0.01, rel=2e-3)
    assert refused_share(100, 84.06) == pytest.approx(0.01, rel=5e-3)


@pytest.mark.parametrize("offered", [0.3, 4.461, 30, 84, 1000])
def test_places_needed_are_the_fewest_that_suffice(offered: float) -> None:
    places = places_needed(offered, 0.0101)
    assert refused_share(places, offered) <= 0.0101 < refused_share(places - 1, offered)
