"""What utterances are called."""

from __future__ import annotations

import pytest

from lipwire.names import IDS_KEPT, Names
from lipwire.pcm import PcmFormat
from lipwire.speech import Speech


def test_an_id_is_one_utterances_alone() -> None:
    names = Names()
    names.reserve("a")
    assert "a" in names
    with pytest.raises(ValueError, match="'a'"):
        names.reserve("a")


def test_the_ids_that_are_kept_have_a_bound() -> None:
    names = Names()
    for number in range(3 * IDS_KEPT):
        names.reserve(f"u{number}")
    assert sum(f"u{number}" in names for number in range(3 * IDS_KEPT)) == IDS_KEPT
    assert "u0" not in names and f"u{3 * IDS_KEPT - 1}" in names


async def test_a_piece_is_called_as_nobody_else_is() -> None:
    names, speech = Names(), Speech("a", PcmFormat())
    names.reserve("a~2")  # somebody's own name for another
    names.begin_piece(speech, 960)
    assert (speech.wire_id, speech.piece_start) == ("a~3", 960)
    assert "a~3" in names


def test_numbers_go_on_behind_the_servers() -> None:
    names = Names()
    names.heard("hello")
    assert names.next_number is None
    for id in ("7", "3", "\u00b2"):
        names.heard(id)
    assert names.next_number == 8
