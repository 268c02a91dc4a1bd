"""The client against a fake server over real sockets: what it asks, sends and tells."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from fake_server import FakeServer
from model import joined

import lipwire
from lipwire import Event, Face, Played, SpeakingFinished, SpeakingStarted
from lipwire import face as face_module
from lipwire.admission import Admission
from lipwire.management import Management

PCM = bytes(range(240)) * 20  # 100 ms


async def listen(face: Face, into: list[Event]) -> None:
    async for event in face:
        into.append(event)


@contextlib.asynccontextmanager
async def listening(face: Face):  # type: ignore[no-untyped-def]
    told: list[Event] = []
    task = asyncio.create_task(listen(face, told))
    await asyncio.sleep(0)
    yield told
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async def poll() -> None:
        while not condition():
            await asyncio.sleep(0.002)

    await asyncio.wait_for(poll(), 10)


async def test_a_voice_goes_out_and_its_end_comes_back(server: FakeServer) -> None:
    async with lipwire.connect(server.url, avatar="mona") as face, listening(face) as told:
        assert (face.width, face.height, face.view_token) == (512, 288, "view-s1")
        assert face.watch_url == f"{server.url}/watch/s1#token=view-s1" and face.whep_url.endswith("/whep/s1")
        async with face.utterance(sample_rate=24_000) as utterance:
            await utterance.send(PCM)
            await utterance.send(bytearray(PCM))
            await utterance.send(memoryview(PCM))
        assert await utterance.played() == (300, False)
        assert utterance.sent_ms == 300 and utterance.done and not utterance.interrupted
        await until(lambda: SpeakingFinished(utterance.id, 300, False) in told)
        assert [e for e in told if isinstance(e, SpeakingStarted)] == [SpeakingStarted(utterance.id)]
        assert joined(server.session.assembled, utterance.id) == PCM * 3
        begin = server.session.messages[0]
    assert begin == {
        "type": "utterance",
        "id": utterance.id,
        "sample_rate": 24_000,
        "channels": 1,
        "encoding": "pcm_s16le",
    }
    assert server.requests[0] == ("POST", "/api/sessions", {"avatar": "mona"})
    assert server.left == ["s1"] and server.deleted == ["s1"]


async def test_connect_can_be_awaited_and_closed_twice(server: FakeServer) -> None:
    face = await lipwire.connect(server.url)
    await face.aclose()
    await face.aclose()
    assert server.deleted == ["s1"] and not face.connected


async def test_a_kept_session_is_left_not_deleted(server: FakeServer) -> None:
    async with lipwire.connect(server.url, keep=True) as face:
        token = face.feed_token
    assert server.left == ["s1"] and server.deleted == []
    assert token == "feed-s1"


async def test_a_session_made_elsewhere_is_fed_by_its_token(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = server.make()
    server.session.viewers(1)
    monkeypatch.setattr(Management, "admission_to", _admission_at(server))
    async with lipwire.connect(server.url, session=id, feed_token=f"feed-{id}") as face:
        assert "after" not in server.attaches[0]
        assert (face.width, face.height) == (512, 288)
        assert face.view_token is None
        async with face.utterance() as utterance:
            await utterance.send(PCM)
        assert await utterance.played() == Played(100, False)
    assert server.deleted == []


def _admission_at(server: FakeServer):  # type: ignore[no-untyped-def]
    found = Management.admission_to

    async def admission_to(self: Management, id: str, feed_token: str | None) -> Admission:
        return replace(await found(self, id, feed_token), feed_url=f"ws://127.0.0.1:{server.port}/ws")

    return admission_to


async def test_behind_tls_every_address_is_a_secure_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unaware(self: Management, method: str, path: str, body: object) -> dict[str, object]:
        view = {"whep": "http://h/whep/s", "watch": "http://h/watch/s#token=t", "token": "t"}
        return {"id": "s", "feed": {"url": "ws://h/ws", "token": "f"}, "view": view, "width": 1, "height": 1}

    monkeypatch.setattr(Management, "_ask", unaware)
    made = await Management("https://h", None).make_session({})
    assert (made.feed_url, made.whep_url) == ("wss://h/ws", "https://h/whep/s")
    assert made.watch_url == "https://h/watch/s#token=t"


async def test_with_a_key_a_token_is_minted(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.key = "k"
    id = server.make()
    monkeypatch.setattr(Management, "admission_to", _admission_at(server))
    monkeypatch.setenv("LIPWIRE_API_KEY", "k")
    monkeypatch.setenv("LIPWIRE_URL", server.url)
    async with lipwire.connect(session=id) as face:
        assert face.view_token == f"view-{id}" and face.watch_url.endswith(f"#token=view-{id}")
        assert await face.view_token_for(60) == f"view-{id}"
    assert ("POST", f"/api/sessions/{id}/tokens", {"role": "view", "ttl_s": 60}) in server.requests


@pytest.mark.parametrize(
    ("options", "kind", "code"),
    [
        ({"avatar": "full"}, lipwire.ServerFull, "server_full"),
        ({"avatar": "proxy"}, lipwire.LipwireError, "http_502"),
        ({"session": "none"}, lipwire.NotFound, "no_such_session"),
    ],
)
async def test_what_the_server_refuses_is_an_error_with_its_code(
    server: FakeServer, options: dict[str, str], kind: type[lipwire.LipwireError], code: str
) -> None:
    with pytest.raises(kind) as refused:
        await lipwire.connect(server.url, **options)  # type: ignore[arg-type]
    assert refused.value.code == code


async def test_a_wrong_key_is_unauthorized(server: FakeServer) -> None:
    server.key = "right"
    with pytest.raises(lipwire.Unauthorized) as refused:
        await lipwire.connect(server.url, token="wrong")
    assert refused.value.code == "key_invalid" and refused.value.status == 401


async def test_a_server_that_is_not_there_is_said_at_once() -> None:
    with pytest.raises(lipwire.ConnectionLost, match="cannot be reached"):
        await lipwire.connect("http://127.0.0.1:9")


@pytest.mark.parametrize(
    "options", [{"url": "ws://x"}, {"feed_token": "t"}, {"session": "s", "feed_token": "t", "avatar": "a"}]
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(options: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        lipwire.connect(**options)  # type: ignore[arg-type]


async def test_sound_in_any_pieces_is_sent_in_whole_samples(server: FakeServer) -> None:
    async with lipwire.connect(server.url) as face:
        async with face.utterance(channels=2, encoding="pcm_f32le") as utterance:
            for start in range(0, len(PCM), 7):
                await utterance.send(PCM[start : start + 7])
        await utterance.played()
        sounds = [message for message in server.session.messages if isinstance(message, bytes)]
        assert all(len(data) % 8 == 0 for data in sounds) and b"".join(sounds) == PCM
        async with face.utterance(channels=2, encoding="pcm_f32le") as utterance:
            await utterance.send(PCM + b"123")
        assert (await utterance.played()).interrupted is False
        assert joined(server.session.assembled, utterance.id) == PCM


async def test_send_waits_while_the_server_does_not_read(server: FakeServer) -> None:
    server.reading.clear()
    async with lipwire.connect(server.url) as face:
        utterance = face.utterance(sample_rate=48_000)
        big, sent = bytes(1024 * 1024), 0
        with contextlib.suppress(asyncio.TimeoutError):
            while sent < 200:
                await asyncio.wait_for(utterance.send(big), 1)
                sent += 1
        assert sent <= 10, "what may be under way, and no more"
        assert len(face._feed.outbox) < 17 * 1024 * 1024
        server.reading.set()
        await utterance.send(PCM)
        await utterance.end()
        await utterance.played()
        got = joined(server.session.assembled, utterance.id)
        assert got.endswith(PCM) and len(got) == utterance.sent_ms * 96


async def test_an_interrupt_that_stands_behind_unread_sound_goes_over_http(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(face_module, "STUCK_S", 0.05)
    async with lipwire.connect(server.url) as face:
        utterance = face.utterance()
        await utterance.send(PCM)
        await until(lambda: len(server.session.messages) == 2)
        server.reading.clear()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(utterance.send(bytes(40 * 1024 * 1024)), 0.5)
        cutting = asyncio.create_task(face.interrupt())
        await until(lambda: ("POST", "/api/sessions/s1/interrupt", {}) in server.requests)
        assert (await utterance.played()).interrupted
        server.reading.set()
        await cutting


async def test_interrupt_cuts_and_says_how_much_was_played(server: FakeServer) -> None:
    server.autoplay = False
    async with lipwire.connect(server.url) as face, listening(face) as told:
        async with face.utterance() as utterance:
            await utterance.send(PCM)
            await utterance.send(PCM)
        await until(lambda: len(server.session.messages) == 4)
        server.session.play(1)
        cut = await face.interrupt()
        assert (cut.utterance, cut.played_ms, cut.session_played_ms) == (utterance.id, 100, 100)
        assert await utterance.played() == (100, True) and utterance.interrupted
        assert face.played_ms == 100
        await until(lambda: cut in told)
        assert told.index(SpeakingFinished(utterance.id, 100, True)) < told.index(cut)


async def test_sound_for_what_was_interrupted_is_dropped_and_the_next_utterance_is_not(server: FakeServer) -> None:
    server.autoplay = False
    async with lipwire.connect(server.url) as face:
        async with face.utterance() as utterance:
            await utterance.send(PCM)
            await until(lambda: PCM in server.session.messages)
            await face.interrupt()
            await utterance.send(PCM)
        server.autoplay = True
        async with face.utterance() as after:
            await after.send(PCM)
        assert await after.played() == (100, False)
        assert server.session.assembled[utterance.id] == PCM


@pytest.mark.parametrize("how", ["error", "cancelled"])
async def test_a_block_left_by_an_exception_cuts_the_voice(server: FakeServer, how: str) -> None:
    server.autoplay = False

    async def speak(face: Face) -> None:
        async with face.utterance(id="u") as utterance:
            await utterance.send(PCM)
            if how == "error":
                raise KeyError("from the text-to-speech")
            await asyncio.sleep(60)

    async with lipwire.connect(server.url) as face:
        speaking = asyncio.create_task(speak(face))
        await asyncio.sleep(0.05)
        speaking.cancel()
        with pytest.raises((KeyError, asyncio.CancelledError)):
            await speaking
        await until(lambda: {"type": "interrupt"} in server.session.messages)


async def test_an_utterance_that_begins_ends_the_one_before_it(server: FakeServer) -> None:
    async with lipwire.connect(server.url) as face:
        first, second = face.utterance(), face.utterance()
        await first.send(PCM)
        await second.send(PCM)
        assert await first.played() == (100, False)
        with pytest.raises(RuntimeError, match="has ended"):
            await first.send(PCM)
        await second.end()
        await second.end()
        assert await second.played() == (100, False)


async def test_ids_are_used_once_and_not_too_long(server: FakeServer) -> None:
    async with lipwire.connect(server.url) as face:
        face.utterance(id="a")
        for id in ("a", "", "x" * 101):
            with pytest.raises(ValueError):
                face.utterance(id=id)
        with pytest.raises(ValueError):
            face.utterance(sample_rate=1)


async def test_a_mark_returns_when_all_before_it_has_played(server: FakeServer) -> None:
    server.autoplay = False
    async with lipwire.connect(server.url) as face:
        async with face.utterance() as utterance:
            await utterance.send(PCM)
        mark = asyncio.create_task(face.mark("m"))
        await until(lambda: len(server.session.messages) == 4)
        assert not mark.done()
        server.session.play()
        assert await mark is True
        missed = asyncio.create_task(face.mark("m"))
        async with face.utterance() as utterance:
            await utterance.send(PCM)
        await face.interrupt()
        assert await missed is False


async def test_a_text_is_spoken_by_the_server(server: FakeServer) -> None:
    async with lipwire.connect(server.url) as face:
        utterance = await face.say("Hello", voice="en")
        assert await utterance.played() == (200, False)
        say = {"type": "say", "text": "Hello", "voice": "en", "utterance": utterance.id}
        assert server.session.messages == [say]


async def test_every_iterator_sees_every_event_and_ends_with_the_face(server: FakeServer) -> None:
    face = await lipwire.connect(server.url)
    told: list[list[Event]] = [[], []]
    tasks = [asyncio.create_task(listen(face, into)) for into in told]
    await asyncio.sleep(0)
    server.session.viewers(2)
    await face.wait_for_viewer()
    assert face.viewers == 2
    await face.aclose()
    await asyncio.gather(*tasks)
    assert told[0] == told[1] and lipwire.Viewers(2) in told[0]


async def test_who_feeds_with_a_token_alone_knows_who_watched_before(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.key = "k"
    id = server.make()
    server.session.viewers(1)
    monkeypatch.setattr(Management, "admission_to", _admission_at(server))
    async with lipwire.connect(server.url, session=id, feed_token=f"feed-{id}") as face:
        assert face.viewers == 1
        await asyncio.wait_for(face.wait_for_viewer(), 5)


async def test_waiting_for_a_viewer_ends_with_the_face(server: FakeServer) -> None:
    face = await lipwire.connect(server.url)
    waiting = asyncio.create_task(face.wait_for_viewer())
    await asyncio.sleep(0.05)
    await face.aclose()
    with pytest.raises(lipwire.SessionEnded):
        await waiting
    with pytest.raises(lipwire.SessionEnded):
        await face.utterance().send(PCM)
    with pytest.raises(lipwire.SessionEnded):
        await face.interrupt()


async def test_what_is_sent_right_before_the_end_is_written(server: FakeServer) -> None:
    async with lipwire.connect(server.url, keep=True) as face, face.utterance() as utterance:
        for _ in range(20):
            await utterance.send(PCM)
    assert joined(server.session.assembled, utterance.id) == PCM * 20
    assert server.session.messages[-1] == {"type": "flush"}
