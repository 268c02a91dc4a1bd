from __future__ import annotations

from dataclasses import replace

import pytest

from app.pacer.schedule import CLIP, FLOOR_SLOTS, LIVE, Decision, Floor, View, decide

PLAYING = View(
    mode="clip", depth=4, backlog=4, floor=0, needed=0, waited=0, ended=False, head_silent=False, last_silent=False
)
LIVE_PLAYING = replace(PLAYING, mode="live")


def test_an_empty_buffer_holds_in_both_modes() -> None:
    assert decide(replace(PLAYING, depth=0, backlog=0), CLIP) is Decision.HOLD
    assert decide(replace(LIVE_PLAYING, depth=0, backlog=0), LIVE) is Decision.HOLD


def test_a_filling_buffer_holds_until_it_is_deep_enough() -> None:
    filling = replace(PLAYING, needed=5)
    assert decide(filling, CLIP) is Decision.HOLD
    assert decide(replace(filling, depth=5), CLIP) is Decision.PLAY


def test_what_there_is_plays_when_the_input_has_ended() -> None:
    assert decide(replace(PLAYING, depth=1, needed=5, ended=True), CLIP) is Decision.PLAY


def test_what_there_is_plays_when_patience_is_over() -> None:
    assert decide(replace(PLAYING, depth=1, needed=5, waited=CLIP.patience), CLIP) is Decision.PLAY


@pytest.mark.parametrize("backlog", [0, 100, 100_000])
@pytest.mark.parametrize("silent", [True, False])
def test_clip_never_drops(backlog: int, silent: bool) -> None:
    view = replace(PLAYING, backlog=backlog, floor=backlog, head_silent=silent, last_silent=silent)
    assert decide(view, CLIP) is Decision.PLAY


def test_live_drops_a_silent_frame_only_after_a_lasting_surplus() -> None:
    silent = replace(LIVE_PLAYING, head_silent=True, last_silent=True)
    assert decide(replace(silent, floor=LIVE.spare), LIVE) is Decision.PLAY
    assert decide(replace(silent, floor=LIVE.spare + 1), LIVE) is Decision.DROP


def test_live_keeps_speech_and_the_first_frame_of_a_pause_below_the_hard_limit() -> None:
    surplus = replace(LIVE_PLAYING, floor=30, backlog=LIVE.hard_limit)
    assert decide(surplus, LIVE) is Decision.PLAY
    assert decide(replace(surplus, head_silent=True), LIVE) is Decision.PLAY


def test_live_drops_speech_past_the_hard_limit() -> None:
    assert decide(replace(LIVE_PLAYING, backlog=LIVE.hard_limit + 1), LIVE) is Decision.DROP


def test_the_floor_needs_its_whole_time_and_is_the_lowest_of_it() -> None:
    floor = Floor()
    for _ in range(FLOOR_SLOTS - 1):
        floor.note(5)
    assert floor.frames == 0
    floor.note(3)
    assert floor.frames == 3
    floor.lower()
    assert floor.frames == 2
    floor.reset()
    assert floor.frames == 0
