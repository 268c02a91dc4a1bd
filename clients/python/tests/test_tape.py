"""What is kept of a session that may have to live on elsewhere, and how much of it was heard."""

from __future__ import annotations

import pytest

from lipwire.errors import ConnectionLost
from lipwire.events import Event, SpeakingFinished, SpeakingStarted
from lipwire.feed import Feed
from lipwire.items import Begin, Flush, Item, Mark, Say, Sound
from lipwire.pcm import PcmFormat
from lipwire.playhead import Playhead
from lipwire.speech import Played, Speech
from lipwire.tape import Tape

STARTED = {"played_ms": 0, "last_event": 0, "viewers": 0}


async def test_what_was_heard_is_cut_off_in_the_middle_of_a_piece_and_the_order_is_kept() -> None:
    tape, one, two = Tape(), Speech("1", PcmFormat()), Speech("2", PcmFormat())
    items: list[Item] = [
        Begin(one),
        Sound(one, 4, b"abcd"),
        Sound(one, 8, b"efgh"),
        Flush(one),
        Mark("m"),
        Say(two, "hi", None),
    ]
    for item in items:
        tape.put(item)
    assert tape.rest({}) == items
    assert tape.rest({one: 6}) == [Begin(one), Sound(one, 8, b"gh"), *items[3:]]
    tape.reached(Mark("m"))
    tape.drop(one)
    assert tape.rest({}) == [Say(two, "hi", None)] and tape.is_text(two) and not tape.is_text(one)
    tape.clear()
    assert tape.rest({}) == [] and len(tape) == 0


async def test_a_flood_is_kept_up_to_the_bound_and_what_is_missing_is_told() -> None:
    tape, one = Tape(10_000), Speech("1", PcmFormat())
    tape.put(Begin(one))
    for number in range(1, 1_000):
        tape.put(Sound(one, number * 1_000, bytes(1_000)))
        assert len(tape) <= 10_000
    with pytest.raises(ConnectionLost) as lost:
        tape.rest({one: 500_000})
    assert lost.value.code == "sound_lost"
    rest = tape.rest({one: 998_000})
    assert [type(item) for item in rest] == [Begin, Sound], "its beginning is said anew"


async def test_a_server_whose_sessions_stay_costs_nothing() -> None:
    tape, one = Tape(0), Speech("1", PcmFormat())
    tape.put(Sound(one, 4, b"abcd"))
    assert len(tape) == 0


def test_how_much_was_heard_is_what_was_told_and_the_time_since() -> None:
    playhead = Playhead()
    assert playhead.heard_ms(1.0) == 0
    playhead.told(1.0, 5_000)
    playhead.begun(2.0)
    assert playhead.heard_ms(2.4) == 400
    playhead.told(3.0, 5_700)  # it stood still for a while
    assert playhead.heard_ms(3.0) == 700 and playhead.heard_ms(3.25) == 950
    playhead.told(4.0, 9_000)
    assert playhead.heard_ms(4.5) == 2_500, "never more than there was time for"
    playhead.ended(2_600)
    assert playhead.heard_ms(5.0) == 0
    playhead.begun(6.0)
    playhead.told(6.5, 5_000 + 2_600 + 300)
    assert playhead.heard_ms(6.6) == 400


class Timed(Feed):
    """A feed whose time passes when the test says so."""

    def __init__(self) -> None:
        self.told: list[Event] = []
        self.now = 0.0
        super().__init__(self.told.append, last_event=0, may_move=True, clock=lambda: self.now)
        self.attached(STARTED)


def spoken(feed: Timed, id: str, ms: int) -> Speech:
    feed.reserve(id)
    speech = Speech(id, PcmFormat())
    feed.begin(speech)
    feed.sound(speech, bytes(48 * ms))
    feed.end(speech)
    return speech


async def written(feed: Timed) -> list[Item]:
    items: list[Item] = []
    while feed.outbox._queue:
        items.append(await feed.outbox.take())
    return items


async def test_a_feed_goes_on_where_the_voice_was_and_counts_the_parts_together() -> None:
    feed = Timed()
    speech, later = spoken(feed, "a", 1_000), spoken(feed, "b", 100)
    await written(feed)
    feed.receive({"type": "speaking", "state": "started", "utterance": "a", "played_ms": 0, "seq": 1})
    feed.now = 0.4
    feed.reborn(STARTED, is_fresh=True, lost_at=feed.now)
    feed.go_on()
    items = await written(feed)
    assert [type(item) for item in items] == [Begin, Sound, Flush, Begin, Sound, Flush]
    assert isinstance(items[1], Sound) and len(items[1].data) == 48 * 600
    assert (speech.wire_id, later.wire_id, feed.after) == ("a~2", "b", 0)
    for seq, state in ((1, "started"), (2, "finished")):
        feed.receive({"type": "speaking", "state": state, "utterance": "a~2", "played_ms": 600, "seq": seq})
    assert await speech.played() == Played(1_000, False)
    assert feed.told == [SpeakingStarted("a"), SpeakingFinished("a", 1_000, False)]


async def test_one_that_was_all_heard_is_over_and_is_not_begun_again() -> None:
    feed = Timed()
    speech = spoken(feed, "a", 100)
    await written(feed)
    feed.receive({"type": "speaking", "state": "started", "utterance": "a", "played_ms": 0, "seq": 1})
    feed.reborn(STARTED, is_fresh=True, lost_at=5.0)
    assert await speech.played() == Played(100, False)
    assert await written(feed) == []


async def test_the_count_of_all_that_was_heard_goes_on() -> None:
    feed = Timed()
    feed.receive({"type": "stats", "played_ms": 700})
    feed.reborn(STARTED, is_fresh=True, lost_at=0.0)
    feed.receive({"type": "stats", "played_ms": 50})
    assert feed.played_ms == 750
    feed.reborn({**STARTED, "played_ms": 800}, is_fresh=True, lost_at=0.0)
    assert feed.played_ms == 800, "where the server goes on with it"
