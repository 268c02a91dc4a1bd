"""How much was heard, wherever the session lived."""

from __future__ import annotations

from lipwire.hearing import Hearing
from lipwire.pcm import PcmFormat
from lipwire.speech import Speech

FORMAT = PcmFormat(16_000)


def speech_of(ms: int) -> Speech:
    speech = Speech("a", FORMAT)
    speech.sent = FORMAT.bytes_in(ms)
    return speech


class Listener:
    """A hearing, and the time."""

    def __init__(self) -> None:
        self.now_s = 10.0
        self.hearing = Hearing(lambda: self.now_s)


async def test_where_the_place_was_lost_what_can_have_played_since_was_heard() -> None:
    there, speech = Listener(), speech_of(2000)
    there.hearing.begun(speech)
    heard = there.hearing.settle([speech], [], lost_at=10.5)
    assert heard == {speech: FORMAT.bytes_in(500)}
    assert (speech.heard_ms, there.hearing.played_ms) == (500, 500)


async def test_no_more_sound_was_heard_than_was_said() -> None:
    there, speech = Listener(), speech_of(200)
    there.hearing.begun(speech)
    assert there.hearing.settle([speech], [], lost_at=15.0) == {speech: speech.sent}


async def test_of_a_text_nobody_here_knows_how_long_it_is() -> None:
    there, text = Listener(), Speech("t", FORMAT)
    there.hearing.begun(text)
    there.hearing.settle([text], [text], lost_at=13.0)
    assert text.heard_ms == 3000


async def test_where_the_place_told_all_nothing_is_guessed() -> None:
    there, speech = Listener(), speech_of(2000)
    there.hearing.begun(speech)
    speech.piece_finished("a", 120)
    there.hearing.ended(120)
    assert there.hearing.settle([speech], [], lost_at=None) == {speech: FORMAT.bytes_in(120)}


def test_the_count_goes_on_where_the_next_place_begins_anew() -> None:
    there = Listener()
    there.hearing.told(3000)
    there.hearing.move(0)
    assert there.hearing.played_ms == 3000
    there.hearing.told(400)
    assert there.hearing.played_ms == 3400


def test_the_count_goes_on_where_the_next_place_goes_on_with_it() -> None:
    there = Listener()
    there.hearing.told(3000)
    there.hearing.move(3000)
    there.hearing.told(3400)
    assert there.hearing.played_ms == 3400


async def test_an_utterance_that_has_several_pieces_was_heard_once() -> None:
    there, speech = Listener(), speech_of(2000)
    there.hearing.begun(speech)
    assert there.hearing.settle([speech, speech], [], lost_at=10.5) == {speech: FORMAT.bytes_in(500)}
