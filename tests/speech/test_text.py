from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Refusal
from app.speech.text import MOST_CHARACTERS, pieces_of, spoken_text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hello.", "Hello."),
        ("  Hello,\t you \r\n\n there \n", "Hello, you\nthere"),
        ("a\x00b\x1b[0m\x07c\x7f", "ab[0mc"),
        ("half \ud83d of one, \ue000private, \U000e642funassigned", "half of one, private, unassigned"),
        ("<speak>2 < 3 & 4</speak>", "<speak>2 < 3 & 4</speak>"),
        ("नमस्ते, می‌خواهم 👩‍👧", "नमस्ते, می‌خواهم 👩‍👧"),
    ],
)
def test_what_nobody_can_say_is_left_out(text: str, said: str) -> None:
    assert spoken_text(text) == said


@pytest.mark.parametrize("text", ["", " \n\t", "\x00\x01", "\ud800"])
def test_a_text_with_nothing_to_say_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        spoken_text(text)
    assert caught.value.code == "text_empty"


def test_the_longest_text_is_taken_and_a_longer_one_refused() -> None:
    assert len(spoken_text("x" * MOST_CHARACTERS)) == MOST_CHARACTERS
    with pytest.raises(Refusal) as caught:
        spoken_text("x" * (MOST_CHARACTERS + 1))
    assert caught.value.code == "text_too_long"


@pytest.mark.parametrize(
    ("text", "most", "pieces"),
    [
        ("One. Two.", 20, ["One. Two."]),
        ("One is here. Two is there. Three", 28, ["One is here. Two is there.", "Three"]),
        ('He said "no." She went on and on', 20, ['He said "no."', "She went on and on"]),
        ("One, two, three four five", 12, ["One, two,", "three four", "five"]),
        ("It costs 1,234.56 in all of it", 20, ["It costs 1,234.56 in", "all of it"]),
        ("春天来了。花开了。鸟在唱歌", 7, ["春天来了。", "花开了。", "鸟在唱歌"]),
        ("A heading\nand what follows it here", 20, ["A heading", "and what follows it", "here"]),
        ("x" * 25, 10, ["x" * 10, "x" * 10, "x" * 5]),
    ],
)
def test_a_long_text_is_cut_where_it_hurts_least(text: str, most: int, pieces: list[str]) -> None:
    assert list(pieces_of(text, most)) == pieces


@given(st.text(st.sampled_from("ab .,!?\n。—1"), max_size=300), st.integers(1, 60))
def test_pieces_are_short_and_nothing_but_space_is_lost(text: str, most: int) -> None:
    pieces = list(pieces_of(text, most))
    assert all(0 < len(piece) <= most for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())
