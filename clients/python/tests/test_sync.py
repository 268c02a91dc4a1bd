"""The client without an event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest
from fake_server import FakeServer

import lipwire
import lipwire.sync
from lipwire import Event, Played, SpeakingFinished

PCM = bytes(4800)  # 100 ms


class Elsewhere:
    """A fake server in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.server = asyncio.run_coroutine_threadsafe(self._begin(), self._loop).result(10)

    async def _begin(self) -> FakeServer:
        return await FakeServer().__aenter__()

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.server.__aexit__(None, None, None), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def served() -> Iterator[FakeServer]:
    elsewhere = Elsewhere()
    yield elsewhere.server
    elsewhere.close()


def test_a_script_speaks_and_hears_how_it_went(served: FakeServer) -> None:
    with lipwire.sync.connect(served.url) as face:
        assert face.watch_url.endswith("#token=view-s1") and (face.width, face.height) == (512, 288)
        assert face.connected and face.id == "s1" and face.feed_token == "feed-s1" and face.view_token == "view-s1"
        events = iter(face)
        with face.utterance(sample_rate=24_000, id="u") as utterance:
            utterance.send(PCM)
        assert utterance.played(timeout=10) == Played(100, False) and utterance.done and utterance.sent_ms == 100
        assert face.mark("m", timeout=10)
        assert face.say("Hi").played() == Played(80, False)
        assert face.interrupt().utterance is None
        assert face.view_token_for() == "view-s1"
        assert SpeakingFinished("u", 100, False) in [next(events) for _ in range(2)]
    assert served.deleted == ["s1"]
    face.close()
    with pytest.raises(lipwire.SessionEnded):
        face.interrupt()


def test_moods_and_hints_are_the_same_here(served: FakeServer) -> None:
    with lipwire.sync.connect(served.url) as face:
        face.mood("warm")
        face.listening("begin")
        face.listen_to(bytes(6400))
        face.say("Hi", mood=lipwire.Mood("sorry", 0.2)).played()
        with face.utterance(mood="neutral") as utterance:
            utterance.send(bytes(480))
        utterance.played()
        assert [each["name"] for each in served.session.moods] == ["warm", "sorry", "neutral"]
        assert [each.get("state") for each in served.session.hints] == ["begin", None]


def test_iterating_ends_when_another_thread_closes_the_face(served: FakeServer) -> None:
    for _ in range(20):  # whatever it is about to do
        face = lipwire.sync.connect(served.url, keep=True)
        told: list[Event] = []
        listening = threading.Thread(target=told.extend, args=(iter(face),))
        listening.start()
        with face.utterance() as utterance:
            utterance.send(PCM)
        utterance.played()
        face.close()
        listening.join(10)
        assert not listening.is_alive()


def ask_on(face: lipwire.sync.Face, ended: list[str]) -> None:
    try:
        while True:
            face.mark("m")
    except lipwire.SessionEnded as error:
        ended.append(error.code)


def test_nobody_waits_for_ever_for_a_face_that_another_thread_closes(served: FakeServer) -> None:
    for delay_s in (0, 0, 0, 0.001, 0.002, 0.005):
        face = lipwire.sync.connect(served.url, keep=True)
        ended: list[str] = []
        asking = threading.Thread(target=ask_on, args=(face, ended))
        asking.start()
        time.sleep(delay_s)
        face.close()
        asking.join(10)
        assert not asking.is_alive() and ended == ["closed"]


def test_an_exception_in_the_block_cuts_the_voice(served: FakeServer) -> None:
    served.autoplay = False
    with lipwire.sync.connect(served.url) as face:
        with pytest.raises(KeyError), face.utterance() as utterance:
            utterance.send(PCM)
            raise KeyError
        assert utterance.played(10).interrupted


def test_waiting_has_an_end_where_one_is_given(served: FakeServer) -> None:
    served.autoplay = False
    with lipwire.sync.connect(served.url) as face:
        with face.utterance() as utterance:
            utterance.send(PCM)
        for wait in (lambda: utterance.played(0.05), lambda: face.mark("m", 0.05), lambda: face.wait_for_viewer(0.05)):
            with pytest.raises(TimeoutError):
                wait()


def test_what_is_refused_leaves_no_thread(served: FakeServer) -> None:
    before = threading.active_count()
    with pytest.raises(lipwire.ServerFull):
        lipwire.sync.connect(served.url, avatar="full")
    with pytest.raises(ValueError):
        lipwire.sync.connect("nowhere")
    assert threading.active_count() == before
