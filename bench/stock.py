"""Stock aiortc as a process: it sends given pictures and a tone, and nothing of Lipwire's runs in it.

``python -m bench.stock FILM.npy``: answers ``start`` and ``offer`` on a WebSocket as Lipwire does, and ignores what it
hears. Pictures are encoded by aiortc's VP8 (1.5 Mbit/s at most), sound by its Opus, each as it comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import uvloop
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack
from av import AudioFrame, VideoFrame
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

FPS, RATE, PACKET = 25, 48_000, 960
TONE_HZ, AMPLITUDE = 220, 10_000


class Pictures(MediaStreamTrack):
    """The film, forth and back, at its rate from absolute deadlines."""

    kind = "video"

    def __init__(self, film: np.ndarray) -> None:
        super().__init__()
        self._film, self._number, self._begun = film, 0, time.monotonic()

    async def recv(self) -> VideoFrame:
        """Return the next picture at its time."""
        await asyncio.sleep(max(0.0, self._begun + self._number / FPS - time.monotonic()))
        place = self._number % (2 * len(self._film) - 2)
        image = self._film[min(place, 2 * len(self._film) - 2 - place)]
        frame = VideoFrame.from_ndarray(image, format="bgr24")
        frame.pts, frame.time_base = self._number * 90_000 // FPS, Fraction(1, 90_000)
        self._number += 1
        return frame


class Voice(MediaStreamTrack):
    """A tone in packets of 20 ms from absolute deadlines."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._number, self._begun = 0, time.monotonic()
        wave = AMPLITUDE * np.sin(2 * np.pi * TONE_HZ * np.arange(RATE) / RATE)
        self._packets = np.asarray(wave, np.int16).reshape(-1, 1, PACKET)

    async def recv(self) -> AudioFrame:
        """Return the next packet at its time."""
        await asyncio.sleep(max(0.0, self._begun + self._number * PACKET / RATE - time.monotonic()))
        frame = AudioFrame.from_ndarray(self._packets[self._number % len(self._packets)], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._number * PACKET, Fraction(1, RATE)
        self._number += 1
        return frame


async def talk(socket: ServerConnection, film: np.ndarray) -> None:
    """Serve one session."""
    connection = RTCPeerConnection()
    with contextlib.suppress(ConnectionClosed):
        async for text in socket:
            if isinstance(text, bytes):
                continue
            message: dict[str, Any] = json.loads(text)
            if message["type"] == "start":
                await socket.send(json.dumps({"type": "started", "engine": "stock"}))
            elif message["type"] == "offer":
                await connection.setRemoteDescription(RTCSessionDescription(message["sdp"], "offer"))
                connection.addTrack(Voice())
                connection.addTrack(Pictures(film))
                await connection.setLocalDescription(await connection.createAnswer())
                await socket.send(json.dumps({"type": "answer", "sdp": connection.localDescription.sdp}))
            else:
                break
    await connection.close()


async def run(film: np.ndarray) -> None:
    """Serve until the process is ended."""
    async with serve(lambda socket: talk(socket, film), "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        print(f"Stock aiortc is at http://127.0.0.1:{port}", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(run(np.load(Path(sys.argv[1]), mmap_mode="r")))
