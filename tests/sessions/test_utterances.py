"""The ledger of utterances by itself, on a line of packets that is moved by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import Refusal
from app.media import PACKET_MS, PACKETS_PER_FRAME
from app.sessions.events import Marked, SessionEvent, Speaking
from app.sessions.utterances import WAITING_HIGH, Utterance, Utterances


@dataclass
class Line:
    """A feeder, and what lies between it and the viewers: ``way`` holds positions of packets, in order."""

    news: list[SessionEvent] = field(default_factory=list)
    way: list[int] = field(default_factory=list)
    pts: int = 0
    open: Utterance | None = None

    def __post_init__(self) -> None:
        self.ledger = Utterances(self.news.append)

    def begin(self, name: str | None = None) -> Utterance:
        self.flush()
        self.open = self.ledger.open(name)
        self.ledger.begin(self.open, self.pts)
        return self.open

    def sound(self, slices: int) -> None:
        if self.open is None:
            self.begin()
        for _ in range(slices):
            self.way += [self.pts * PACKETS_PER_FRAME + part for part in range(PACKETS_PER_FRAME)]
            self.pts += 1

    def flush(self) -> None:
        if self.open is not None:
            self.ledger.close(self.open, self.pts)
        self.open = None

    def mark(self, id: str) -> None:
        self.ledger.expect_mark()
        self.ledger.mark(id, self.pts * PACKETS_PER_FRAME)

    def play(self, packets: int) -> None:
        for _ in range(min(packets, len(self.way))):
            self.ledger.left(self.way.pop(0))

    def lose(self, packets: int) -> None:
        """Packets that never leave; what shows it is the next that does, or that nothing more is on its way."""
        del self.way[:packets]
        if not self.way:
            self.ledger.pass_over(self.pts * PACKETS_PER_FRAME)

    def cut(self) -> Utterance | None:
        self.way.clear()
        self.open = None
        return self.ledger.cut(self.pts)

    def told(self) -> list[str]:
        """The news, in short."""
        words = []
        for event in self.news:
            if isinstance(event, Marked):
                words.append(f"mark {event.id}")
            elif isinstance(event, Speaking):
                cut = " cut" if event.interrupted else ""
                words.append(
                    f"{event.utterance} begins" if event.begins else f"{event.utterance} {event.played_ms}{cut}"
                )
        return words


def test_an_utterance_begins_with_its_first_packet_and_ends_with_its_last() -> None:
    line = Line()
    line.begin("a")
    line.sound(2)
    assert line.told() == []
    line.play(1)
    assert line.told() == ["a begins"] and line.ledger.speaking
    line.flush()
    line.play(2)
    assert line.told() == ["a begins"]
    line.play(1)
    assert line.told() == ["a begins", "a 80"] and not line.ledger.speaking


def test_one_flushed_after_its_sound_has_played_ends_then() -> None:
    line = Line()
    line.sound(1)
    line.play(2)
    assert line.told() == ["1 begins"]
    line.flush()
    assert line.told() == ["1 begins", "1 40"]


def test_flushed_twice_it_ends_once() -> None:
    line = Line()
    line.sound(1)
    line.flush()
    line.flush()
    line.play(2)
    line.flush()
    assert line.told() == ["1 begins", "1 40"]


def test_one_without_sound_ends_in_its_turn_and_never_begins() -> None:
    line = Line()
    line.begin("a")
    line.sound(1)
    line.begin("nothing")
    line.begin("b")
    line.sound(1)
    line.flush()
    assert line.told() == []
    line.play(2)
    assert line.told() == ["a begins", "a 40", "nothing 0"]
    line.play(2)
    assert line.told()[3:] == ["b begins", "b 40"]


def test_one_without_sound_ends_at_once_where_nothing_is_before_it() -> None:
    line = Line()
    line.begin("nothing")
    line.flush()
    assert line.told() == ["nothing 0"]


def test_an_interrupt_ends_all_that_wait_in_order_and_those_that_had_ended_not_again() -> None:
    line = Line()
    line.begin("over")
    line.sound(1)
    line.begin("heard")
    line.sound(5)
    line.begin("waiting")
    line.sound(5)
    line.begin("announced")
    line.play(2 + 3)
    current = line.cut()
    assert current is not None and (current.id, current.played_ms) == ("heard", 60)
    assert line.told()[1:] == ["over 40", "heard begins", "heard 60 cut", "waiting 0 cut", "announced 0 cut"]
    assert line.cut() is None
    line.begin("next")
    line.sound(1)
    line.flush()
    line.play(2)
    assert line.told()[6:] == ["next begins", "next 40"]


def test_one_whose_sound_has_all_been_heard_is_cut_while_it_is_open() -> None:
    line = Line()
    line.begin("a")
    line.sound(1)
    line.play(2)
    line.cut()
    assert line.told() == ["a begins", "a 40 cut"]


def test_one_that_lost_its_socket_is_gone_on_with_under_its_name() -> None:
    line = Line()
    first = line.begin("a")
    line.sound(2)
    line.flush()  # as a lost socket does
    line.play(1)
    assert line.begin("a") is first
    line.sound(1)
    line.play(5)
    assert line.told() == ["a begins"]
    line.flush()
    assert line.told() == ["a begins", "a 120"]
    assert line.begin("a") is not first, "it has ended"


def test_what_was_lost_on_the_way_does_not_hold_the_end_back() -> None:
    line = Line()
    line.sound(3)
    line.flush()
    line.play(2)
    line.lose(4)
    assert line.told() == ["1 begins", "1 40"]


def test_marks_stand_where_they_were_set() -> None:
    line = Line()
    line.mark("at once")
    line.begin("a")
    line.mark("before a sounds")
    line.sound(1)
    line.mark("within")
    line.sound(1)
    line.mark("at its end")
    line.flush()
    line.mark("behind")
    line.play(1)
    assert line.told() == ["mark at once", "mark before a sounds", "a begins"]
    line.play(1)
    assert line.told()[3:] == ["mark within"]
    line.play(2)
    assert line.told()[4:] == ["mark at its end", "a 80", "mark behind"]


def test_a_mark_behind_what_was_dropped_is_never_told() -> None:
    line = Line()
    line.sound(2)
    line.mark("dropped")
    line.cut()
    line.sound(1)
    line.mark("kept")
    line.flush()
    line.play(2)
    assert line.told() == ["1 0 cut", "2 begins", "mark kept", "2 40"]


def test_a_number_that_somebody_gave_as_a_name_is_left_out() -> None:
    line = Line()
    line.begin("1")
    line.sound(1)
    line.flush()
    line.sound(1)
    assert line.open is not None and line.open.id == "2"


def test_a_voice_without_a_feeder_s_word_is_an_utterance_and_one_with_it_is_not_two() -> None:
    line = Line()
    line.ledger.voice_begins(0)
    line.way, line.pts = [0, 1, 2, 3], 2
    line.play(3)
    line.ledger.voice_ends(2)
    line.play(1)
    assert line.told() == ["1 begins", "1 80"]
    line.begin("a")
    line.sound(1)
    line.ledger.voice_begins(2)
    line.play(2)
    line.ledger.voice_ends(3)
    assert line.told()[2:] == ["a begins"]


def test_floods_of_utterances_and_marks_are_refused() -> None:
    ledger = Utterances(lambda event: None)
    ledger.begin(ledger.open("long"), 0)
    with pytest.raises(Refusal) as refused:
        for number in range(WAITING_HIGH + 1):
            ledger.open(str(number))
    assert refused.value.code == "too_many_utterances"
    with pytest.raises(Refusal) as refused:
        for _ in range(WAITING_HIGH + 1):
            ledger.expect_mark()
    assert refused.value.code == "too_many_marks"
    ledger.cut(0)
    ledger.open("again")
    ledger.expect_mark()


NAMES = st.sampled_from([None, "a", "b", "1"])
STEPS = st.one_of(
    st.tuples(st.just("begin"), NAMES),
    st.tuples(st.just("sound"), st.integers(1, 4)),
    st.tuples(st.just("flush"), st.none()),
    st.tuples(st.just("mark"), st.none()),
    st.tuples(st.just("play"), st.integers(1, 9)),
    st.tuples(st.just("lose"), st.integers(1, 5)),
    st.tuples(st.just("cut"), st.none()),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(STEPS, max_size=60))
def test_in_any_order_each_ends_once_behind_its_sound_and_with_what_was_heard_of_it(
    steps: list[tuple[str, int | str | None]],
) -> None:
    line = Line()
    opened: list[Utterance] = []
    marks = marks_cut = 0
    heard: dict[int, int] = {}  # id() of the utterance → packets that left
    owner: dict[int, Utterance] = {}  # position → utterance
    for word, value in steps:
        if word == "begin":
            utterance = line.begin(None if value is None else str(value))
            if utterance not in opened:
                opened.append(utterance)
        elif word == "sound":
            assert isinstance(value, int)
            line.sound(value)
            assert line.open is not None
            if line.open not in opened:
                opened.append(line.open)
            owner.update({position: line.open for position in line.way if position not in owner})
        elif word == "flush":
            line.flush()
        elif word == "mark":
            line.mark(str(marks))
            marks += 1
        elif word == "play":
            assert isinstance(value, int)
            for position in line.way[:value]:
                heard[id(owner[position])] = heard.get(id(owner[position]), 0) + 1
            line.play(value)
        elif word == "lose":
            assert isinstance(value, int)
            line.lose(value)
        else:
            marks_cut += marks - marks_cut - sum(isinstance(event, Marked) for event in line.news)
            line.cut()
    line.flush()
    for position in line.way:
        heard[id(owner[position])] = heard.get(id(owner[position]), 0) + 1
    line.play(len(line.way))
    line.ledger.pass_over(line.pts * PACKETS_PER_FRAME)
    ends = [event for event in line.news if isinstance(event, Speaking) and not event.begins]
    assert [end.utterance for end in ends] == [utterance.id for utterance in opened], "each once, in order"
    for utterance, end in zip(opened, ends, strict=True):
        assert end.played_ms == heard.get(id(utterance), 0) * PACKET_MS
    begins = [event.utterance for event in line.news if isinstance(event, Speaking) and event.begins]
    assert begins == [utterance.id for utterance in opened if id(utterance) in heard]
    told = [int(event.id) for event in line.news if isinstance(event, Marked)]
    assert told == sorted(set(told)) and len(told) == marks - marks_cut
