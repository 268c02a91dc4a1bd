"""How a face looks over time, with a face that draws nothing and time moved by hand."""

from __future__ import annotations

from dataclasses import astuple, replace

import numpy as np
import pytest

from app.inference.expression import NEUTRAL, Expression
from app.inference.fade import BLEND_SLOTS
from app.inference.looks import PLAIN, Looks
from app.inference.mood import Mood
from app.media import NS_PER_S, SLOT_NS, VIDEO_FPS
from app.sessions.countenance import ATTENTIVE_SLOTS, HINTED_SLOTS, LEVELS_AHEAD, LEVELS_BEHIND, SOON_SLOTS, Countenance
from app.sessions.phrases import Heard, Phrases
from tests.fakes import FakeClock

WARM, SORRY = Mood.of("warm"), Mood.of("sorry", 0.5)
LOUD, QUIET = -20.0, -70.0


class Screen:
    """A face as it is drawn ahead and shown: ``ahead`` slots wait, drawn with the looks of then."""

    def __init__(self, clock: FakeClock, ahead: int = 0) -> None:
        self._clock, self.ahead = clock, ahead
        self.position = 0
        self.looks: Looks = PLAIN
        self.redrawn = 0
        self._drawn: list[Expression] = []
        self.shown: list[Expression] = []
        self._draw()

    @property
    def undrawn_position(self) -> int:
        return self.position + self.ahead

    def show(self, looks: Looks, redraw: bool = False) -> None:
        self.looks = looks
        if redraw:
            self.redrawn += 1
            self._drawn[2:] = [looks.at(self.position + 2 + n) for n in range(len(self._drawn) - 2)]

    def pass_slots(self, count: int) -> None:
        for _ in range(count):
            self.shown.append(self._drawn.pop(0) if self._drawn else self.looks.at(self.position))
            self.position += 1
            self._clock.time_ns += SLOT_NS
            self._draw()

    def _draw(self) -> None:
        while len(self._drawn) < self.ahead:
            self._drawn.append(self.looks.at(self.position + len(self._drawn)))

    @property
    def largest_step(self) -> float:
        return float(np.abs(np.diff([astuple(each) for each in self.shown], axis=0)).max())


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1000 * NS_PER_S)


@pytest.mark.parametrize("ahead", [0, 2, 20, 28])
def test_a_mood_is_seen_half_a_second_later_however_far_ahead_is_drawn(clock: FakeClock, ahead: int) -> None:
    screen = Screen(clock, ahead)
    countenance = Countenance(screen, clock)
    screen.pass_slots(50)
    countenance.feel(WARM)
    screen.pass_slots(SOON_SLOTS + BLEND_SLOTS + 1)
    assert screen.shown[49] == NEUTRAL and screen.shown[-1] == WARM.expression
    assert screen.shown[50 + VIDEO_FPS // 2].warm > 0.8 and screen.largest_step < 0.15
    assert screen.redrawn == (ahead > SOON_SLOTS), "only what waits is drawn again"


def test_many_moods_a_second_have_little_drawn_again_and_never_jump(clock: FakeClock) -> None:
    screen = Screen(clock, 25)
    countenance = Countenance(screen, clock)
    moods = [WARM, SORRY, Mood.of("surprised"), Mood.of("serious")]
    for slot in range(20 * VIDEO_FPS):
        for number in range(4):
            countenance.feel(moods[(slot + number) % 4])
        screen.pass_slots(1)
    assert screen.redrawn <= 20 and screen.largest_step < 0.5
    countenance.feel(WARM)
    screen.pass_slots(25 + BLEND_SLOTS + 3)
    assert screen.shown[-1] == WARM.expression == replace(NEUTRAL, warm=1.0) and countenance.mood == WARM


def test_a_mood_with_words_is_the_face_s_once_they_are_heard(clock: FakeClock) -> None:
    screen = Screen(clock)
    countenance = Countenance(screen, clock, SORRY)
    assert screen.looks.at(0) == SORRY.expression, "from the first picture on"
    countenance.feel_with(WARM, 100)
    assert countenance.mood == SORRY
    countenance.played(99)
    assert countenance.mood == SORRY
    countenance.played(100)
    assert countenance.mood == WARM
    screen.pass_slots(BLEND_SLOTS + 1)
    assert screen.shown[-1] == WARM.expression


def test_an_interrupt_drops_a_mood_with_its_words(clock: FakeClock) -> None:
    screen = Screen(clock)
    countenance = Countenance(screen, clock)
    countenance.feel_with(WARM, 100)
    countenance.interrupt()
    countenance.played(100)
    screen.pass_slots(BLEND_SLOTS + 1)
    assert countenance.mood == Mood() and screen.shown[-1] == NEUTRAL


def test_hints_let_it_attend_and_nod(clock: FakeClock) -> None:
    screen = Screen(clock)
    countenance = Countenance(screen, clock)
    countenance.listen("begin")
    screen.pass_slots(50)
    assert screen.shown[-1].attending == 1 and max(each.nod for each in screen.shown) == 0
    countenance.listen("nod")
    screen.pass_slots(30)
    assert max(each.nod for each in screen.shown) == 1 and screen.shown[-1].nod == 0
    countenance.listen("end")
    screen.pass_slots(BLEND_SLOTS + 1)
    assert screen.shown[-1].attending == 0 and screen.largest_step < 0.3


def test_somebody_who_never_says_that_they_have_ended_is_attended_to_for_two_minutes(clock: FakeClock) -> None:
    screen = Screen(clock)
    Countenance(screen, clock).listen("begin")
    screen.pass_slots(HINTED_SLOTS + BLEND_SLOTS + 1)
    assert screen.shown[HINTED_SLOTS].attending == 1 and screen.shown[-1].attending == 0


def speak(countenance: Countenance, screen: Screen, levels: list[float], speaks: bool = False) -> None:
    for start in range(0, len(levels), 5):
        screen.pass_slots(5)
        countenance.hear(levels[start : start + 5], speaks)


def test_it_attends_to_a_voice_and_nods_where_its_phrase_ends(clock: FakeClock) -> None:
    screen = Screen(clock)
    countenance = Countenance(screen, clock)
    speak(countenance, screen, [LOUD] * 50 + [QUIET] * 50)
    assert screen.shown[40].attending == 1 and not any(each.nod for each in screen.shown[:50])
    assert max(each.nod for each in screen.shown[50:]) > 0.6
    screen.pass_slots(ATTENTIVE_SLOTS + BLEND_SLOTS)
    assert screen.shown[-1].attending == 0, "the voice has been gone for long"


def test_it_does_not_nod_while_it_speaks_itself(clock: FakeClock) -> None:
    screen = Screen(clock)
    countenance = Countenance(screen, clock)
    speak(countenance, screen, [LOUD] * 50 + [QUIET] * 50, speaks=True)
    assert not any(each.nod for each in screen.shown)


def test_a_flood_of_hints_and_levels_nods_no_more_often_than_a_head_can(clock: FakeClock) -> None:
    screen = Screen(clock)
    countenance = Countenance(screen, clock)
    phrase = [LOUD] * 30 + [QUIET] * 10
    for _ in range(20 * VIDEO_FPS):
        for _ in range(10):
            countenance.listen("nod")
            countenance.listen("begin")
            countenance.hear(phrase, False)
        screen.pass_slots(1)
        assert len(screen.looks.attending.steps) <= 4
    bowed = np.array([each.nod for each in screen.shown])
    nods = int(((bowed[1:] > 0) & (bowed[:-1] == 0)).sum())
    assert 10 <= nods <= 20 and screen.largest_step < 0.3


def test_sound_that_comes_faster_than_it_can_have_been_said_is_dropped(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen(clock)
    countenance = Countenance(screen, clock)
    voiced: list[float] = []

    def hear(self: Phrases, level: float) -> Heard:
        voiced.append(level)
        return Heard(False)

    monkeypatch.setattr(Phrases, "hear", hear)
    for _ in range(1000):
        countenance.hear([QUIET] * 50, False)
    assert len(voiced) == LEVELS_AHEAD + LEVELS_BEHIND
    screen.pass_slots(VIDEO_FPS)
    countenance.hear([QUIET] * 50, False)
    assert len(voiced) == LEVELS_AHEAD + LEVELS_BEHIND + VIDEO_FPS
