"""The small parts: subscriptions, messages, errors, delays."""

from __future__ import annotations

import itertools
import json

import pytest

from lipwire import NotReading, SpeakingFinished, SpeakingStarted, Stats, Viewers, connect
from lipwire.admission import Admission
from lipwire.backoff import delays_s
from lipwire.errors import AlreadyFed, LipwireError, NotFound, ServerFull, SessionEnded, Unauthorized, error_of
from lipwire.events import event_of
from lipwire.items import Begin, Sound
from lipwire.management import Management
from lipwire.outbox import QUEUE_BYTES, Outbox
from lipwire.pcm import PcmFormat
from lipwire.speech import Speech
from lipwire.subscription import LIMIT, Subscribers
from lipwire.wire import message_of


def test_tokens_stand_in_no_repr() -> None:

    admission = Admission(
        "5e55", "ws://x/ws", "s3cret", "http://x/whep/5e55", "http://x/watch/5e55#token=s3cret", "s3cret"
    )
    assert "s3cret" not in repr((admission, connect(token="s3cret"), Management("http://x", "s3cret")))


async def test_a_listener_that_does_not_listen_has_a_bound() -> None:
    subscribers = Subscribers()
    left_behind, other = subscribers.listen(), subscribers.listen()
    for number in range(LIMIT + 10):
        subscribers.announce(Viewers(number))
        subscribers.announce(Stats(fps=number))
    assert len(left_behind) <= LIMIT
    with pytest.raises(NotReading):
        async for _ in left_behind:
            pass
    assert len(other) <= LIMIT


async def test_of_stats_only_the_newest_waits() -> None:
    subscribers = Subscribers()
    listener = subscribers.listen()
    for number in range(1000):
        subscribers.announce(Stats(fps=number))
    subscribers.end(None)
    assert [event async for event in listener] == [Stats(fps=999)]
    late = subscribers.listen()
    assert [event async for event in late] == []


async def test_what_is_sent_has_a_bound() -> None:
    outbox, speech = Outbox(keep_bytes=100_000), Speech("a", PcmFormat())
    outbox.put(Begin(speech))
    for _ in range(1000):
        speech.sent += 1000
        outbox.put(Sound(speech, speech.sent, bytes(1000)))
        await outbox.take()
    assert len(outbox) < 100_000 + 2_000
    speech.sent += QUEUE_BYTES
    outbox.put(Sound(speech, speech.sent, bytes(QUEUE_BYTES)))
    assert not outbox._room.is_set()
    while outbox.unwritten():
        await outbox.take()
    await outbox.wait_for_room()
    await outbox.wait_until_empty()


def test_messages_are_read_and_unknown_ones_passed_over() -> None:
    started = {"type": "speaking", "state": "started", "utterance": "u", "played_ms": 0, "interrupted": False}
    assert event_of(started) == SpeakingStarted("u")
    finished = {"type": "speaking", "state": "finished", "utterance": "u", "played_ms": 40, "interrupted": True, "x": 1}
    assert event_of(finished) == SpeakingFinished("u", 40, True)
    assert event_of({"type": "stats", "fps": 25.0, "new_figure": 3}) == Stats(fps=25.0)
    assert event_of({"type": "something new"}) is None


async def test_an_utterance_says_its_format() -> None:
    message = message_of(Begin(Speech("u", PcmFormat(16_000, 2, "pcm_f32le"))))
    assert json.loads(message) == {
        "type": "utterance",
        "id": "u",
        "sample_rate": 16_000,
        "channels": 2,
        "encoding": "pcm_f32le",
    }


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("token_expired", 401, Unauthorized),
        ("token_not_for_this", 403, Unauthorized),
        ("no_such_session", 404, NotFound),
        ("session_over", 404, SessionEnded),
        ("already_fed", 409, AlreadyFed),
        ("server_busy", 429, ServerFull),
        ("server_full", 503, ServerFull),
        ("server_draining", 503, ServerFull),
        ("something_new", 422, LipwireError),
    ],
)
def test_a_refusal_is_of_a_kind(code: str, status: int, kind: type[LipwireError]) -> None:
    error = error_of(code, "A sentence.", status)
    assert type(error) is kind and (error.code, error.status) == (code, status)
    assert str(error) == f"A sentence. ({code})"


def test_delays_grow_up_to_a_bound() -> None:
    for _ in range(20):
        delays = list(itertools.islice(delays_s(), 50))
        assert 0.05 <= delays[0] <= 0.15 and all(1 <= delay <= 3 for delay in delays[10:])
