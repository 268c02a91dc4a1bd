"""Moods and listening against the real server: over the socket, HTTP, with the Python client, and on the page."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import lipwire
import numpy as np
import pytest
from lipwire import Mood
from playwright.async_api import Page, expect

from tests.client import Client
from tests.page import OpenPage, playing, status
from tests.server import Server

RATE = 24_000
PATIENCE_S = 30


def tone(seconds: float) -> bytes:
    t = np.arange(int(RATE * seconds)) / RATE
    pcm: bytes = (np.sin(2 * np.pi * 220 * t) * 8000).astype("<i2").tobytes()
    return pcm


class Watcher:
    """Asks which mood a session's face is in."""

    def __init__(self, server: Server, session: str) -> None:
        self._url = f"{server.url}/api/sessions/{session}/mood"

    async def mood(self) -> tuple[str, float]:
        async with httpx.AsyncClient(follow_redirects=True) as http:
            seen = (await http.get(self._url)).raise_for_status().json()
        return seen["name"], seen["strength"]

    async def until(self, name: str, strength: float = 1.0) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while await self.mood() != (name, strength):
                await asyncio.sleep(0.02)


async def lose(face: lipwire.Face) -> None:
    """Lose the connection, and come back."""
    connection = face._link._connection
    assert connection is not None
    connection.abort()
    assert await face.mark(f"back again {id(connection)}")


@pytest.mark.realtime
async def test_a_mood_is_set_from_anywhere_and_survives_who_feeds(server: Server) -> None:
    async with lipwire.connect(server.url) as face:
        watcher = Watcher(server, face.id)
        assert await watcher.mood() == ("neutral", 1.0)
        async with httpx.AsyncClient(follow_redirects=True) as http:
            body = {"name": "serious"}
            (await http.put(f"{server.url}/api/sessions/{face.id}/mood", json=body)).raise_for_status()
        await watcher.until("serious")
        for _ in range(3):
            face.listening("begin")
            face.listen_to(tone(0.4), RATE)
            face.listening("nod")
            face.listening("end")
        assert await face.mark("all was read")
        await lose(face)
        assert await watcher.mood() == ("serious", 1.0)
        await face.mood("warm", 0.5)
        await watcher.until("warm", 0.5)
        await lose(face)
        assert await watcher.mood() == ("warm", 0.5)


@pytest.mark.realtime
async def test_a_mood_comes_with_its_words_and_not_with_words_that_were_dropped(server: Server) -> None:
    async with lipwire.connect(server.url) as face:
        watcher = Watcher(server, face.id)
        first = face.utterance(RATE)
        await first.send(tone(1.5))
        await first.end()
        async with face.utterance(RATE, mood="sorry") as second:
            await second.send(tone(1))
        assert await watcher.mood() == ("neutral", 1.0), "those words are a second away"
        await watcher.until("sorry")
        assert first.done and not second.done
        await second.played()
        assert await watcher.mood() == ("sorry", 1.0), "it stays"
        long = face.utterance(RATE)
        await long.send(tone(5))
        await long.end()
        async with face.utterance(RATE, mood=Mood("surprised", 0.3)) as never:
            await never.send(tone(1))
        await face.interrupt()
        assert (await never.played()).interrupted
        async with face.utterance(RATE) as after:
            await after.send(tone(0.2))
        await after.played()
        assert await watcher.mood() == ("sorry", 1.0)


@pytest.mark.realtime
async def test_a_mood_is_set_while_the_face_is_watched_and_nothing_stops(server: Server) -> None:
    async with Client(server.ws_url) as client:
        await client.start(mode="agent", engine="portrait", sample_rate=RATE)
        await client.connect()
        await client.socket.send(tone(4))
        for name in ("warm", "surprised", "sorry", "neutral"):
            await client.say("mood", name=name)
            await client.say("listening", levels=[-20.0] * 25)
            await asyncio.sleep(0.5)
        await client.say("flush")
        done = await client.expect("speaking", PATIENCE_S, state="finished")
        assert done["played_ms"] == 4000 and not done["interrupted"]
        (*_, stats) = [message for message in client.messages if message["type"] == "stats"]
        assert len(client.video.frames) > 20 and not [m for m in client.messages if m["type"] == "error"]
        assert stats["drops"] == 0


def said(page: Page) -> list[dict[str, Any]]:
    """What the page says on its sockets, as it does."""
    messages: list[dict[str, Any]] = []

    def note(payload: str | bytes) -> None:
        if isinstance(payload, str):
            messages.append(json.loads(payload))

    page.on("websocket", lambda socket: socket.on("framesent", note))
    return messages


@pytest.mark.browser
async def test_a_mood_is_chosen_on_the_page_by_keyboard_and_goes_with_the_next_session(
    server: Server, open_page: OpenPage
) -> None:
    page = await open_page()
    messages = said(page)
    await status(page, "Ready")
    await page.get_by_role("radio", name="Neutral").focus()
    await page.keyboard.press("ArrowRight")
    assert await page.get_by_role("radio", name="Warm").is_checked()
    await page.get_by_role("button", name="Play the sample").click()
    await playing(page)
    assert [each["name"] for each in messages if each["type"] == "mood"] == ["warm"]
    await page.get_by_role("radio", name="Sorry").click()
    async with asyncio.timeout(PATIENCE_S):
        while [each["name"] for each in messages if each["type"] == "mood"] != ["warm", "sorry"]:
            await asyncio.sleep(0.05)
    await page.get_by_role("button", name="Stop").click()


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1280])
async def test_the_moods_fit_the_page_and_say_which_is_chosen(server: Server, open_page: OpenPage, width: int) -> None:
    page = await open_page()
    await page.set_viewport_size({"width": width, "height": 800})
    group = page.get_by_role("group", name="Mood")
    await expect(group.get_by_role("radio")).to_have_count(5)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box = await group.bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width
    for place in await group.locator("label").all():
        size = await place.bounding_box()
        assert size is not None and size["height"] >= 44 and size["x"] + size["width"] <= width


def loudest(messages: list[dict[str, Any]]) -> float:
    """The loudest level that was sent of who is listened to."""
    heard = [level for each in messages if each["type"] == "listening" for level in each.get("levels", [])]
    return max(heard, default=-200.0)


@pytest.mark.browser
async def test_the_face_listens_to_the_visitor_who_lets_it(server: Server, open_page: OpenPage) -> None:
    page = await open_page()
    messages = said(page)
    await status(page, "Ready")
    button = page.get_by_role("button", name="Let the face listen to you")
    await expect(button).to_have_attribute("aria-pressed", "false")
    await button.click()
    await playing(page)
    await status(page, "The face listens")
    await expect(button).to_have_attribute("aria-pressed", "true")
    async with asyncio.timeout(PATIENCE_S):
        while loudest(messages) < -35:  # the microphone speaks for three seconds, and rests for three
            await asyncio.sleep(0.05)
    assert all(len(each["levels"]) == 5 for each in messages if "levels" in each)
    await button.click()
    await expect(button).to_have_attribute("aria-pressed", "false")
    async with asyncio.timeout(PATIENCE_S):
        while messages[-1] != {"type": "listening", "state": "end"}:
            await asyncio.sleep(0.05)
    await expect(page.get_by_role("button", name="Stop")).to_be_enabled()  # the session goes on
    await button.click()
    await page.get_by_role("button", name="Play the sample").click()
    await playing(page)
    await expect(button).to_have_attribute("aria-pressed", "false")


@pytest.mark.browser
async def test_a_visitor_who_refuses_the_microphone_is_told_and_no_session_begins(
    server: Server, open_page: OpenPage
) -> None:
    page = await open_page(microphone_allowed=False)
    messages = said(page)
    await status(page, "Ready")
    button = page.get_by_role("button", name="Let the face listen to you")
    await button.click()
    await status(page, "may not use the microphone")
    await expect(button).to_have_attribute("aria-pressed", "false")
    assert messages == []
