"""What visitors of a soak do: each comes, does one thing for a while, and goes, in order or not.

A visit takes a :class:`Street` and returns in a word how it went: ``ok``, or the code with which it was refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import lipwire
import soundfile
from websockets.frames import Opcode

from app.assets import DEFAULT_PICTURE, SAMPLE
from app.clock import Clock
from bench.floods import FLOODS
from bench.fuzz_messages import send_messages, send_offers
from bench.fuzz_sdp import mutated_sdps
from bench.guest import Guest, Wish
from bench.handshakes import connect_and_kill, stages_in_turn
from bench.hostile import LOST, Hostile, frame
from bench.whep_guest import WhepGuest

NOWHERE = ("http://127.0.0.1:9/whip", "rtmp://127.0.0.1:9/live/nobody", "http://192.0.2.1/whip", "rtmp://192.0.2.1/a/b")
STAY_S = (4.0, 30.0)
FLOOD_S = 6.0
MESSAGES = 40  # a visit of who sends nonsense
OFFERS = 15
SPEECH_S = 6
CHUNK_BYTES = 1920  # 20 ms


@dataclass(frozen=True, slots=True)
class Street:
    """Where visitors come to, and what they have with them."""

    url: str
    ws_url: str
    http: httpx.AsyncClient
    clock: Clock
    dice: random.Random
    film: Path | None  # a small video with a face
    problems: list[str]  # what no visitor should ever see

    def stay_s(self) -> float:
        """Return how long somebody stays."""
        return self.dice.uniform(*STAY_S)


Visit = Callable[[Street], Awaitable[str]]


async def talk(street: Street) -> str:
    """Speak and watch on one socket, and say goodbye."""
    return await _on_socket(street, Guest.leave)


async def vanish(street: Street) -> str:
    """The same, killed."""
    return await _on_socket(street, Guest.vanish)


async def _on_socket(street: Street, end: Callable[[Guest], Awaitable[None]]) -> str:
    wish = Wish.random(street.dice, engine=street.dice.choice(("clapper", "portrait")))
    guest = Guest(street.ws_url, wish, street.clock)
    try:
        if await guest.join():
            await asyncio.sleep(street.stay_s())
    finally:
        await end(guest)
    return guest.record.refused or guest.record.error or "ok"


async def stall(street: Street) -> str:
    """Send a voice, and never read a word."""
    ends_ns = street.clock.now_ns() + int(street.stay_s() * 1e9)
    try:
        async with Hostile(street.url).session(mode="live") as line:
            while street.clock.now_ns() < ends_ns:
                async with asyncio.timeout(5):
                    await line.send(frame(Opcode.BINARY, bytes(CHUNK_BYTES)))
                await asyncio.sleep(0.02)
    except (*LOST, RuntimeError) as error:  # uvloop's word for a transport that the server has closed
        return type(error).__name__
    return "ok"


async def converse(street: Street) -> str:
    """Feed with the Python client, watch over WHEP; interrupt, record, or leave without a goodbye."""
    record, rude = street.dice.random() < 0.4, street.dice.random() < 0.3
    face = await lipwire.connect(street.url, engine="clapper", record=record, idle_timeout_s=20, reconnect_for=3)
    watcher = WhepGuest(street.http, street.clock)
    try:
        await watcher.watch(face.whep_url, face.view_token or "")
        pcm, rate = soundfile.read(SAMPLE, dtype="int16", frames=SPEECH_S * 22_050)
        for _ in range(street.dice.randrange(1, 4)):
            async with face.utterance(sample_rate=rate) as utterance:
                await utterance.send(pcm.tobytes())
            await asyncio.sleep(street.dice.uniform(0.5, SPEECH_S))
            if street.dice.random() < 0.5:
                await face.interrupt()
        if street.dice.random() < 0.3:
            await face.say("Somebody comes, somebody goes.")
            await asyncio.sleep(2)
    finally:
        if rude:
            watcher.receiver.vanish()
            await watcher.receiver.aclose()
        else:
            with contextlib.suppress(httpx.HTTPError):
                await watcher.leave()
        await face.aclose()
    if record:
        await _asked(street, "GET", face.recording_url)
        await _asked(street, "DELETE", face.recording_url)
    return "ok"


async def push(street: Street) -> str:
    """Push a face to servers that are not there."""
    made = await _asked(street, "POST", f"{street.url}/api/sessions", json={"engine": "clapper", "idle_timeout_s": 15})
    if made.status_code != 201:
        return _code_of(made)
    session = f"{street.url}/api/sessions/{made.json()['id']}"
    for url in street.dice.sample(NOWHERE, 2):
        kind = "rtmp" if url.startswith("rtmp") else "whip"
        await _asked(street, "POST", f"{session}/outputs", json={"kind": kind, "url": url})
    await asyncio.sleep(street.stay_s() / 2)
    if street.dice.random() < 0.5:
        return "left to expire"
    return _code_of(await _asked(street, "DELETE", session))


async def upload(street: Street) -> str:
    """Upload a picture, let it speak for a moment, and delete it."""
    files = {"image": ("face.png", DEFAULT_PICTURE.read_bytes(), "image/png")}
    return await _uploaded(street, files)


async def upload_video(street: Street) -> str:
    """Upload a short video, and delete it."""
    if street.film is None:
        return "no film"
    return await _uploaded(street, {"image": ("face.mp4", street.film.read_bytes(), "video/mp4")})


async def _uploaded(street: Street, files: dict[str, tuple[str, bytes, str]]) -> str:
    made = await _asked(street, "POST", f"{street.url}/api/avatars", files=files)
    if made.status_code >= 300:
        return _code_of(made)
    avatar = made.json()["id"]
    try:
        wish = {"avatar": avatar, "engine": "portrait", "idle_timeout_s": 10}
        session = await _asked(street, "POST", f"{street.url}/api/sessions", json=wish)
        if session.status_code == 201:
            await asyncio.sleep(2)
            await _asked(street, "DELETE", f"{street.url}/api/sessions/{session.json()['id']}")
    finally:
        gone = await _asked(street, "DELETE", f"{street.url}/api/avatars/{avatar}")
    return _code_of(gone)


async def upload_in_part(street: Street) -> str:
    """Promise a picture, send half of it, and be gone; or send what is no picture."""
    if street.dice.random() < 0.5:
        files = {"image": ("a.png", street.dice.randbytes(50_000), "image/png")}
        answer = await _asked(street, "POST", f"{street.url}/api/avatars", files=files)
        return _code_of(answer)
    picture = DEFAULT_PICTURE.read_bytes()
    head = b'--q\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    hostile = Hostile(street.url)
    try:
        async with hostile.line() as line:
            await line.send(
                b"POST /api/avatars HTTP/1.1\r\nHost: %s\r\nContent-Type: multipart/form-data; boundary=q\r\n"
                b"Content-Length: %d\r\n\r\n" % (hostile.site, len(head) + len(picture))
                + head + picture[: street.dice.randrange(len(picture))]
            )  # fmt: skip
            await asyncio.sleep(street.dice.random())
    except LOST as error:
        return type(error).__name__
    return "ok"


_stages = stages_in_turn()


async def come_and_be_killed(street: Street) -> str:
    """Be killed on the way in, ten times, once at each stage."""
    went = [await connect_and_kill(street.ws_url, next(_stages)) for _ in range(10)]
    others = sorted(set(went) - {"killed"})
    return "ok" if not others else others[0]


async def talk_nonsense(street: Street) -> str:
    """Send messages that are none."""
    findings = await send_messages(street.ws_url, MESSAGES, street.dice.randrange(1 << 30))
    street.problems.extend(findings.wrong)
    return "ok" if not findings.wrong else "wrong"


async def offer_nonsense(street: Street) -> str:
    """Offer session descriptions of which little can be made."""
    findings = await send_offers(street.ws_url, mutated_sdps(street.dice.randrange(1 << 30), OFFERS))
    street.problems.extend(findings.wrong)
    return "ok" if not findings.wrong else "wrong"


async def flood(street: Street) -> str:
    """Attack, in one of the ways there are."""
    await street.dice.choice(list(FLOODS.values()))(street.url, FLOOD_S)
    return "ok"


async def _asked(street: Street, method: str, url: str, **what: Any) -> httpx.Response:
    answer = await street.http.request(method, url, **what)
    if answer.status_code >= 500 and _code_of(answer) == "internal_error":
        street.problems.append(f"{method} {url}: {answer.text[:200]}")
    return answer


def _code_of(answer: httpx.Response) -> str:
    if answer.status_code < 300:
        return "ok"
    try:
        return str(answer.json()["code"])
    except (ValueError, KeyError, TypeError):
        return str(answer.status_code)


# how often each comes, beside the others
VISITS: dict[str, tuple[Visit, float]] = {
    "talk": (talk, 4),
    "vanish": (vanish, 3),
    "stall": (stall, 1),
    "converse": (converse, 3),
    "push": (push, 1),
    "upload": (upload, 0.5),
    "upload_video": (upload_video, 0.2),
    "upload_in_part": (upload_in_part, 1),
    "come_and_be_killed": (come_and_be_killed, 3),
    "talk_nonsense": (talk_nonsense, 2),
    "offer_nonsense": (offer_nonsense, 1),
}
