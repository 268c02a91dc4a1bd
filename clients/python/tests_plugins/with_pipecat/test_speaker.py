"""What a speaker does when the face does not do as it should."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from fake_face import FakeFace, FakeUtterance
from lipwire._speaker import Speaker
from lipwire._spoken import Listener, Spoken


class Told:
    def __init__(self, face: FakeFace) -> None:
        self.finished: list[Spoken] = []
        self.lost: list[Exception | None] = []
        self.speaker = Speaker(face, Listener(self._nothing, self._finished, self._passed, self._lost))
        self.speaker.start()

    async def _nothing(self, spoken: Spoken) -> None:
        pass

    async def _passed(self) -> None:
        pass

    async def _finished(self, spoken: Spoken) -> None:
        self.finished.append(spoken)

    async def _lost(self, error: Exception | None) -> None:
        self.lost.append(error)


@pytest.fixture
async def tell() -> AsyncIterator[Callable[[FakeFace], Told]]:
    made: list[Told] = []

    def make(face: FakeFace) -> Told:
        made.append(Told(face))
        return made[-1]

    yield make
    for each in made:
        await each.speaker.aclose()


async def until(met: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not met():
            await asyncio.sleep(0)


async def test_a_failure_to_send_is_a_lost_face(
    tell: Callable[[FakeFace], Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(self: FakeUtterance, pcm: bytes) -> None:
        raise ValueError("no such sound")

    monkeypatch.setattr(FakeUtterance, "send", fail)
    told = tell(FakeFace())
    told.speaker.begin("a", 16_000, 1)
    told.speaker.sound(b"\0\0")
    await until(lambda: told.lost)
    assert [(each.id, each.interrupted) for each in told.finished] == [("a", True)]
    assert told.speaker.over and told.speaker.idle


async def test_who_else_speaks_ends_an_utterance_and_nothing_more(
    tell: Callable[[FakeFace], Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    send = FakeUtterance.send

    async def once(self: FakeUtterance, pcm: bytes) -> None:
        if self.id == "a" and self.sent:
            raise RuntimeError("another utterance began")
        await send(self, pcm)

    monkeypatch.setattr(FakeUtterance, "send", once)
    face = FakeFace()
    told = tell(face)
    for name in ("a", "b"):
        told.speaker.begin(name, 16_000, 1)
        for _ in range(3):
            told.speaker.sound(b"\0\0" * 1600)
    told.speaker.end()
    await until(lambda: "finished b 300" in face.log)
    assert not told.lost


async def test_long_names_are_cut_and_stay_apart(tell: Callable[[FakeFace], Told]) -> None:
    told = tell(FakeFace())
    names = [told.speaker.begin("x" * 500, 16_000, 1).id for _ in range(2)]
    assert len(set(names)) == 2 and all(len(name) < 128 for name in names)


async def test_an_interrupt_and_a_close_may_come_at_any_time(tell: Callable[[FakeFace], Told]) -> None:
    told = tell(FakeFace(plays_ms=0))
    told.speaker.begin("a", 16_000, 1)
    await asyncio.gather(told.speaker.interrupt(), told.speaker.interrupt(), told.speaker.aclose())
    await told.speaker.aclose()
    assert [each.id for each in told.finished] == ["a"]
