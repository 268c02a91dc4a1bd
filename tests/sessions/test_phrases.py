from __future__ import annotations

import random

from app.media import VIDEO_FPS
from app.sessions.phrases import LEAST_DEPTH, PAUSE_SLOTS, SHORTEST_SLOTS, Phrases

LOUD, QUIET = -20.0, -70.0


def ends(levels: list[float]) -> list[tuple[int, float]]:
    """In which slots phrases were found to end, and how deep a nod each deserves."""
    phrases = Phrases()
    heard = [phrases.hear(level) for level in levels]
    return [(slot, each.ended) for slot, each in enumerate(heard) if each.ended]


def test_a_phrase_ends_a_quarter_of_a_second_after_its_last_word() -> None:
    assert PAUSE_SLOTS * 40 == 240
    ((slot, depth),) = ends([LOUD] * 50 + [QUIET] * 50)
    assert slot == 50 + PAUSE_SLOTS - 1 and LEAST_DEPTH < depth < 1


def test_closures_within_words_and_words_in_passing_are_no_phrases() -> None:
    assert ends(([LOUD] * 3 + [QUIET] * 3) * 40) == []
    assert ends([LOUD] * (SHORTEST_SLOTS - 1) + [QUIET] * 100) == []
    assert SHORTEST_SLOTS / VIDEO_FPS < 0.7 + 1e-9


def test_a_longer_phrase_deserves_a_deeper_nod() -> None:
    depths = [ends([LOUD] * slots + [QUIET] * 20)[0][1] for slots in (SHORTEST_SLOTS, 40, 75, 500)]
    assert depths == sorted(depths) and depths[-1] == 1 and depths[0] < 0.65


def test_steady_noise_is_no_voice_for_long_and_speech_above_it_is_heard() -> None:
    noise = random.Random(1)
    hiss = [-48 + noise.uniform(-1, 1) for _ in range(20 * VIDEO_FPS)]
    assert len(ends(hiss)) <= 1, "only what passes for a phrase until the background is known"
    spoken = [*hiss, *[-28.0] * 40, *hiss[:50]]
    assert len([slot for slot, _ in ends(spoken) if slot >= len(hiss)]) == 1


def test_silence_alone_ends_nothing() -> None:
    assert ends([-200.0] * 500) == []
