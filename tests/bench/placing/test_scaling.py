from __future__ import annotations

from bench.placing.plan import Stages
from bench.placing.scaling import Scaler

STAGES = Stages(places=8, least=1, most=5, target=0.75, up_s=10, down_s=60, look_back_s=5, told_s=1)


def test_more_are_wanted_only_after_the_delay() -> None:
    scaler, wanted, history = Scaler(STAGES), 1, []
    for second in range(20):
        wanted = scaler.want(float(second), 13, wanted, wanted)  # 13 / 6, up
        history.append(wanted)
    assert history == [1] * 10 + [3] * 10


def test_a_short_rush_wants_nothing() -> None:
    scaler = Scaler(STAGES)
    for second in range(60):
        assert scaler.want(float(second), 40 if 20 <= second < 24 else 3, 1, 1) == 1


def test_fewer_are_wanted_later_and_never_fewer_than_the_least_nor_more_than_the_most() -> None:
    scaler, wanted = Scaler(STAGES), 4
    history = [wanted := scaler.want(float(second), 0, wanted, wanted) for second in range(70)]
    assert (history[59], history[60], history[-1]) == (4, 1, 1)
    scaler, wanted = Scaler(STAGES), 1
    history = [wanted := scaler.want(float(second), 1000, wanted, wanted) for second in range(11)]
    assert history[-1] == 5


def test_a_factor_starts_more_than_what_is_seen_to_be_missing() -> None:
    stages = Stages(places=8, least=1, most=50, up_s=0, up_factor=3)
    assert Scaler(stages).want(0.0, 16, 2, 2) == 4  # 2.67 are needed: three times as many more as that
    assert Scaler(stages).want(0.0, 4, 2, 2) == 2  # it is for more alone


def test_a_change_is_seen_when_it_is_told() -> None:
    scaler = Scaler(Stages(places=8, least=1, most=50, up_s=0, look_back_s=2, told_s=10))
    wanted = [scaler.want(float(second), 12 if second >= 3 else 0, 1, 1) for second in range(11)]
    assert wanted == [1] * 10 + [2]
