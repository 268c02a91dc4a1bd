"""What the application asks of Ray Serve."""

from __future__ import annotations

from typing import Any

import pytest

from app.cluster.deployment import fronts_of_a_machine

HEAD = {"Alive": True, "Resources": {"memory": 1.0}}
MACHINE = {"Alive": True, "Resources": {"CPU": 4.0}}
GONE = {"Alive": False, "Resources": {"CPU": 4.0}}


@pytest.mark.parametrize(
    ("fronts", "machines", "most"),
    [
        (2, [], None),
        (2, [MACHINE], None),
        (2, [HEAD, MACHINE], None),
        (2, [MACHINE, GONE], None),
        (2, [MACHINE, MACHINE], 1),
        (2, [HEAD, MACHINE, MACHINE, MACHINE], 1),
        (5, [MACHINE, MACHINE], 3),
        (1, [MACHINE, MACHINE], 1),
    ],
)
def test_no_machine_takes_all_fronts_along_where_another_can_have_some(
    fronts: int, machines: list[dict[str, Any]], most: int | None
) -> None:
    assert fronts_of_a_machine(fronts, machines) == most
