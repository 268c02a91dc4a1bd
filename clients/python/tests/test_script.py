"""What the plugins decide without a framework: when held frames go on, and what was heard of a text."""

from __future__ import annotations

import pytest

from lipwire._script import Script, Span, words_heard
from lipwire._spoken import Mark, Spoken

MS = 1_000_000


def spoken(given_ms: int = 1000) -> Spoken:
    return Spoken("a", sample_rate=1000, given_bytes=2 * given_ms)


@pytest.mark.parametrize(
    ("share", "heard"),
    [(0.0, ""), (0.2, ""), (0.3, "One"), (0.5, "One two"), (0.99, "One two"), (1.0, "One two three.")],
)
def test_only_whole_words_were_heard(share: float, heard: str) -> None:
    assert words_heard("One two three.", share) == heard


@pytest.mark.parametrize(("played_ms", "share"), [(0, 0.0), (400, 0.0), (500, 0.1), (900, 0.5), (5000, 1.0)])
def test_a_text_was_heard_as_far_as_its_sound(played_ms: int, share: float) -> None:
    cut = spoken()
    cut.finished, cut.interrupted, cut.played_ms = True, True, played_ms
    assert Span(cut, 400, 1400).heard() == pytest.approx(share)


def test_what_was_played_to_its_end_was_heard() -> None:
    whole = spoken()
    whole.finished, whole.played_ms = True, 990  # the tail may be filled up or rounded
    assert Span(whole, 400, 1400).heard() == 1.0


def test_what_waits_goes_on_in_order_as_marks_are_passed() -> None:
    script: Script[str] = Script()
    marks = [Mark("1"), Mark("2")]
    script.hold("a", marks[0])
    script.hold("b", marks[0])
    script.hold("c", marks[1])
    marks[1].passed = True
    assert script.due(0, idle=False) == []
    marks[0].passed = True
    assert script.due(0, idle=False) == ["a", "b", "c"]
    assert script.empty


def test_when_all_was_heard_nothing_waits_any_more() -> None:
    script: Script[str] = Script()
    script.hold("a", Mark("1"))
    script.hold_timed("b", spoken(), 5)
    assert sorted(script.due(0, idle=True)) == ["a", "b"]


def test_a_word_waits_for_the_utterance_to_come_to_it() -> None:
    script: Script[str] = Script()
    one = spoken()
    script.began(one, 100 * MS)
    script.hold_timed("late", one, 800 * MS)
    script.hold_timed("soon", one, 400 * MS)
    assert (script.next_due_ns(), script.due(10_000 * MS, idle=False)) == (None, [])
    script.started(one, 2000 * MS)
    assert script.next_due_ns() == 2300 * MS
    assert script.due(2300 * MS, idle=False) == ["soon"]
    assert script.due(2699 * MS, idle=False) == []
    assert script.due(2700 * MS, idle=False) == ["late"]


def test_the_next_utterance_is_timed_from_the_last_word_as_pipecat_times_it() -> None:
    script: Script[str] = Script()
    one, two = spoken(), spoken()
    script.began(one, 100 * MS)
    script.hold_timed("last", one, 900 * MS)
    script.began(two, 150 * MS)
    script.hold_timed("first", two, 1000 * MS)
    script.started(one, 0)
    script.started(two, 5000 * MS)
    assert script.due(4999 * MS, idle=False) == ["last"]
    assert script.due(5100 * MS, idle=False) == ["first"]


def test_a_cut_returns_all_that_waited_and_texts_know_their_sound() -> None:
    script: Script[str] = Script()
    one = spoken(given_ms=300)
    script.hold_text("first", Mark("1"), one)
    one.given_bytes += 2 * 500
    script.hold_text("second", Mark("2"), one)
    spans = [each.span for each in script.cut()]
    assert [(span.from_ms, span.to_ms) for span in spans if span] == [(0, 300), (300, 800)]
    assert script.empty


def test_an_utterance_ends_when_all_that_was_given_was_heard() -> None:
    script: Script[str] = Script()
    one = spoken(given_ms=300)
    script.began(one, 0)
    assert script.ends_ns(one) is None
    script.started(one, 1000 * MS)
    assert script.ends_ns(one) == 1300 * MS
