"""``bench say``: from the message to the first sound of its text at a viewer, over WebRTC on this machine."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from typing import Any

import av
import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from app.media import NS_PER_MS, SAMPLE_RATE
from bench.interrupt import spread
from bench.receiver import Receiver
from bench.report import report
from bench.server import server

AUDIBLE = 0.01  # of full scale
TEXT = "Here is a first sentence of some length. And here is another one, which nobody has to wait for."
PATIENCE_S = 20


def main(arguments: list[str] | None = None) -> int:
    """Have a face say a text, again and again."""
    parser = argparse.ArgumentParser(prog="bench say")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--engine", default="portrait")
    args = parser.parse_args(arguments)
    with server() as served:
        found = asyncio.run(say(served.ws_url, args.engine, args.times))
    report("say", [{"figure": name, **spread([each[name] for each in found])} for name in found[0]])
    return 0


async def say(ws_url: str, engine: str, times: int) -> list[dict[str, float]]:
    """Return, for each text, when its first sound was told of and when it came, in ms after the message."""
    receiver, found = Receiver(), []
    async with connect(ws_url, compression=None, max_size=None) as socket:
        await _send(socket, type="start", engine=engine, mode="agent")
        await _expect(socket, "started")
        await _send(socket, type="offer", sdp=await receiver.offer())
        await receiver.accept((await _expect(socket, "answer"))["sdp"])
        await receiver.connected.wait()
        for _ in range(times):
            await asyncio.sleep(1 + random.random())
            receiver.voice.clear()
            begun_ns = time.monotonic_ns()
            await _send(socket, type="say", text=TEXT)
            await _expect(socket, "speaking", state="started")
            told_ns = time.monotonic_ns()
            heard_ns = await _audible(receiver)
            await _send(socket, type="interrupt")
            await _expect(socket, "interrupted")
            since = {"told_ms": told_ns, "heard_ms": heard_ns}
            found.append({name: (ns - begun_ns) / NS_PER_MS for name, ns in since.items()})
    await receiver.aclose()
    return found


async def _send(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def _expect(socket: ClientConnection, type: str, **fields: Any) -> dict[str, Any]:
    wanted = {"type": type, **fields}
    async with asyncio.timeout(PATIENCE_S):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if message["type"] in ("error", "say_failed"):
                raise RuntimeError(f"{message['code']}: {message['message']}")
            if wanted.items() <= message.items():
                return message


async def _audible(receiver: Receiver) -> int:
    """Return when the first packet came in which anything is heard."""
    decoder = av.AudioCodecContext.create("opus", "r")
    decoder.sample_rate = SAMPLE_RATE
    at = 0
    async with asyncio.timeout(PATIENCE_S):
        while True:
            while at < len(receiver.voice):
                packet = receiver.voice[at]
                at += 1
                for frame in decoder.decode(av.Packet(packet.payload)):
                    if np.abs(frame.to_ndarray()).max() > AUDIBLE:
                        return packet.arrived_ns
            await asyncio.sleep(0.002)
