"""Who may use and who may change what a key owns."""

from __future__ import annotations

import pytest

from app.access.caller import NOBODY, Caller

ANN, BOB, OPERATOR, ANYBODY = Caller("key_a", False), Caller("key_b", False), Caller("key_o"), Caller()


@pytest.mark.parametrize(
    ("caller", "owner", "uses", "changes"),
    [
        (ANN, "key_a", True, True), (ANN, "key_b", False, False), (ANN, "", True, False),
        (OPERATOR, "", True, True), (OPERATOR, "key_a", False, False), (OPERATOR, "key_o", True, True),
        (ANYBODY, "", True, True), (ANYBODY, "key_a", False, False),
        (NOBODY, "", False, False), (NOBODY, "key_a", False, False),
    ],
)  # fmt: skip
def test_who_may_do_what(caller: Caller, owner: str, uses: bool, changes: bool) -> None:
    assert (caller.may_use(owner), caller.may_change(owner)) == (uses, changes)
