from __future__ import annotations

from dataclasses import replace

import pytest

from app.media import NS_PER_MS, SLOT_NS
from app.pacer.schedule import CLIP, LIVE, TOLERANCE_NS, Decision, View, decide

MARGIN = 10 * NS_PER_MS
PLAYING = View(
    mode="clip", depth=4, backlog=4, slack_ns=MARGIN, margin_ns=MARGIN, settled=True, broken=False, needed=0, waited=0,
    ended=False, head_silent=False, last_silent=False,
)  # fmt: skip
LIVE_PLAYING = replace(PLAYING, mode="live")
PAUSE = replace(LIVE_PLAYING, head_silent=True, last_silent=True)
TOO_MUCH = MARGIN + SLOT_NS + TOLERANCE_NS + 1


def test_an_empty_buffer_holds_in_both_modes() -> None:
    assert decide(replace(PLAYING, depth=0, backlog=0), CLIP) is Decision.HOLD
    assert decide(replace(LIVE_PLAYING, depth=0, backlog=0), LIVE) is Decision.HOLD


def test_a_filling_clip_holds_until_it_is_deep_enough() -> None:
    filling = replace(PLAYING, needed=5)
    assert decide(filling, CLIP) is Decision.HOLD
    assert decide(replace(filling, depth=5), CLIP) is Decision.PLAY


def test_what_there_is_plays_when_the_input_has_ended() -> None:
    assert decide(replace(PLAYING, depth=1, needed=5, ended=True), CLIP) is Decision.PLAY
    assert decide(replace(LIVE_PLAYING, needed=1, slack_ns=None, ended=True), LIVE) is Decision.PLAY
    assert decide(replace(PAUSE, slack_ns=0, ended=True), LIVE) is Decision.PLAY


def test_what_there_is_plays_when_patience_is_over() -> None:
    assert decide(replace(PLAYING, depth=1, needed=5, waited=CLIP.patience), CLIP) is Decision.PLAY
    assert decide(replace(LIVE_PLAYING, needed=1, slack_ns=0, waited=LIVE.patience), LIVE) is Decision.PLAY


@pytest.mark.parametrize("backlog", [0, 100, 100_000])
@pytest.mark.parametrize("silent", [True, False])
@pytest.mark.parametrize("slack_ms", [-100, 0, 1000])
def test_clip_never_drops_and_never_waits_while_it_plays(backlog: int, silent: bool, slack_ms: int) -> None:
    view = replace(PLAYING, backlog=backlog, slack_ns=slack_ms * NS_PER_MS, head_silent=silent, last_silent=silent)
    assert decide(view, CLIP) is Decision.PLAY


def test_live_begins_with_the_margin() -> None:
    beginning = replace(LIVE_PLAYING, needed=1)
    assert decide(replace(beginning, slack_ns=None), LIVE) is Decision.HOLD
    assert decide(replace(beginning, slack_ns=MARGIN - 1), LIVE) is Decision.HOLD
    assert decide(beginning, LIVE) is Decision.PLAY


def test_a_voice_that_was_cut_goes_on_as_soon_as_it_can() -> None:
    cut = replace(LIVE_PLAYING, needed=1, broken=True)
    assert decide(replace(cut, slack_ns=-1), LIVE) is Decision.HOLD
    assert decide(replace(cut, slack_ns=0), LIVE) is Decision.PLAY


def test_live_grows_by_a_slot_in_a_pause_before_anything_underruns() -> None:
    assert decide(replace(PAUSE, slack_ns=MARGIN - 1), LIVE) is Decision.HOLD
    assert decide(PAUSE, LIVE) is Decision.PLAY


@pytest.mark.parametrize("slack_ms", [-100, 0, 5, 50, 500, 2000])
def test_live_neither_stretches_nor_cuts_a_voice_that_is_heard(slack_ms: int) -> None:
    speech = replace(LIVE_PLAYING, slack_ns=slack_ms * NS_PER_MS)
    assert decide(speech, LIVE) is Decision.PLAY
    assert decide(replace(speech, head_silent=True), LIVE) is Decision.PLAY, "the first frame of a pause stays"


def test_live_shrinks_by_a_slot_in_a_pause_only_after_a_lasting_surplus() -> None:
    assert decide(replace(PAUSE, slack_ns=TOO_MUCH), LIVE) is Decision.DROP
    assert decide(replace(PAUSE, slack_ns=TOO_MUCH - 1), LIVE) is Decision.PLAY
    assert decide(replace(PAUSE, slack_ns=TOO_MUCH, settled=False), LIVE) is Decision.PLAY
    assert decide(replace(PAUSE, slack_ns=TOO_MUCH, settled=False, needed=1), LIVE) is Decision.DROP, "nobody hears it"


def test_what_remains_after_a_slot_less_is_never_below_the_margin() -> None:
    after = replace(PAUSE, slack_ns=TOO_MUCH - SLOT_NS)
    assert after.slack_ns is not None and after.slack_ns > MARGIN
    assert decide(after, LIVE) is Decision.PLAY


def test_live_drops_speech_past_the_hard_limit() -> None:
    assert decide(replace(LIVE_PLAYING, backlog=LIVE.hard_limit), LIVE) is Decision.PLAY
    assert decide(replace(LIVE_PLAYING, backlog=LIVE.hard_limit + 1), LIVE) is Decision.DROP
