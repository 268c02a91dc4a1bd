"""A client made of websockets and aiortc, which notes every RTP packet and sender report it gets."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import websockets
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import RtcpSrPacket

from tests.front_switch import THROUGH_FRONT

VIDEO_CLOCK, AUDIO_CLOCK = 90_000, 48_000
PING_INTERVAL_S = 20


@dataclass
class Heard:
    """All that arrived of one kind of media."""

    timestamps: list[int] = field(default_factory=list)  # RTP, in order of arrival
    reports: list[tuple[int, int]] = field(default_factory=list)  # (NTP, RTP)
    frames: list[tuple[int, Any]] = field(default_factory=list)  # (RTP timestamp, decoded content)
    key_frames: list[float] = field(default_factory=list)  # when each began to arrive, in the event loop's seconds
    ssrc: int = 0

    def media_time_s(self, timestamp: float, clock: int) -> float:
        """NTP seconds (mod 2^16) of an RTP timestamp, by the first sender report."""
        ntp, rtp = self.reports[0]
        ahead = (timestamp - rtp + (1 << 31)) % (1 << 32) - (1 << 31)
        return (ntp & ((1 << 48) - 1)) / (1 << 32) + ahead / clock


class Client:
    """``async with Client(url) as client``; messages arrive in ``messages``.

    ``follows``: go where a cluster's front says that the session is, as all clients do. ``pings``: look now and then
    whether the server answers, as browsers do not.
    """

    def __init__(
        self,
        url: str,
        see: Callable[[np.ndarray], Any] = lambda image: float(image.mean()),
        follows: bool = THROUGH_FRONT,
        pings: bool = True,
    ) -> None:
        self._url, self._see, self._follows = url, see, follows
        self._ping_interval_s = PING_INTERVAL_S if pings else None
        self._begun = ""  # what was said first, to be said again elsewhere
        self.messages: list[dict[str, Any]] = []
        self.audio, self.video = Heard(), Heard()
        self.close_code: int | None = None
        self.video_codec = ""  # the one that the server chose
        self.peer: RTCPeerConnection | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._news = asyncio.Condition()

    async def __aenter__(self) -> Client:
        self.socket = await websockets.connect(
            self._url, compression=None, max_size=None, ping_interval=self._ping_interval_s
        )
        self._tasks.append(asyncio.create_task(self._listen()))
        return self

    async def __aexit__(self, *error: object) -> None:
        if self.peer is not None:
            await self.peer.close()
        await self.socket.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def say(self, type: str, **fields: Any) -> None:
        text = json.dumps({"type": type, **fields})
        if type in ("start", "attach"):
            self._begun = text
        await self.socket.send(text)

    async def start(self, **fields: Any) -> dict[str, Any]:
        await self.say("start", **fields)
        return await self.expect("started")

    async def expect(self, type: str, timeout_s: float = 10, after: int = 0, **fields: Any) -> dict[str, Any]:
        """Wait for the first message of a type (with these fields), counting from message ``after``."""

        def found() -> dict[str, Any] | None:
            wanted = {"type": type, **fields}
            return next((m for m in self.messages[after:] if wanted.items() <= m.items()), None)

        async with asyncio.timeout(timeout_s), self._news:
            await self._news.wait_for(lambda: found() is not None or self.close_code is not None)
        message = found()
        assert message is not None, f"closed with {self.close_code} before {type}: {self.messages[-3:]}"
        return message

    async def wait_closed(self, timeout_s: float = 10) -> int:
        async with asyncio.timeout(timeout_s), self._news:
            await self._news.wait_for(lambda: self.close_code is not None)
        assert self.close_code is not None
        return self.close_code

    async def connect(self, direction: str = "recvonly") -> None:
        """Set up the peer connection and start noting what it carries."""
        self.peer = RTCPeerConnection()
        for kind in ("audio", "video"):
            self.peer.addTransceiver(kind, direction=direction)
        for receiver in self.peer.getReceivers():
            self._tap(receiver)

        @self.peer.on("track")
        def on_track(track: Any) -> None:
            self._tasks.append(asyncio.create_task(self._watch(track)))

        await self.peer.setLocalDescription(await self.peer.createOffer())
        await self.say("offer", sdp=self.peer.localDescription.sdp)
        answer = await self.expect("answer")
        first = re.search(r"m=video .*?a=rtpmap:\d+ (\w+)/", answer["sdp"], re.DOTALL)
        assert first is not None
        self.video_codec = first[1]
        await self.peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))

    def _tap(self, receiver: Any) -> None:
        heard = self.audio if receiver._RTCRtpReceiver__kind == "audio" else self.video
        on_rtp, on_rtcp = receiver._handle_rtp_packet, receiver._handle_rtcp_packet

        async def rtp(packet: Any, arrival_time_ms: int) -> None:
            if packet.payload:
                heard.timestamps.append(packet.timestamp)
                heard.ssrc = packet.ssrc
                if heard is self.video and begins_key_frame(packet.payload, self.video_codec):
                    heard.key_frames.append(asyncio.get_running_loop().time())
            await on_rtp(packet, arrival_time_ms)

        async def rtcp(packet: Any) -> None:
            if isinstance(packet, RtcpSrPacket):
                info = packet.sender_info
                heard.reports.append((info.ntp_timestamp, info.rtp_timestamp))
            await on_rtcp(packet)

        receiver._handle_rtp_packet, receiver._handle_rtcp_packet = rtp, rtcp

    async def ask_for_key_frame(self) -> float:
        """Send a picture loss indication; returns the event loop's time."""
        assert self.peer is not None
        receiver: Any = next(each for each in self.peer.getReceivers() if each.track.kind == "video")
        await receiver._send_rtcp_pli(self.video.ssrc)
        return asyncio.get_running_loop().time()

    async def _watch(self, track: Any) -> None:
        heard = self.audio if track.kind == "audio" else self.video
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if track.kind == "audio":
                content: Any = frame.to_ndarray()[0, ::2].astype(np.int16)  # stereo, interleaved: the left
            else:
                content = self._see(frame.to_ndarray(format="gray"))
            # aiortc counts pts from the first packet on
            heard.frames.append((heard.timestamps[0] + frame.pts, content))

    async def _listen(self) -> None:
        try:
            while (url := await self._hear()) is not None:
                await self.socket.close()
                self.socket = await websockets.connect(
                    url, compression=None, max_size=None, ping_interval=self._ping_interval_s
                )
                await self.socket.send(self._begun)
        finally:
            async with self._news:
                self.close_code = self.socket.close_code or 1006
                self._news.notify_all()

    async def _hear(self) -> str | None:
        """Take messages in; returns where to go on, None where it ends."""
        async for text in self.socket:
            message = json.loads(text)
            if self._follows and message["type"] == "elsewhere":
                return str(message["url"])
            async with self._news:
                self.messages.append(message)
                self._news.notify_all()
        return None


def begins_key_frame(payload: bytes, codec: str) -> bool:
    """Whether an RTP payload is a key frame's first."""
    return _h264_key(payload) if codec == "H264" else _vp8_key(payload)


def _h264_key(payload: bytes) -> bool:
    """RFC 6184: a key frame begins with its parameter sets, in a packet that holds several units, or alone."""
    kind = payload[0] & 0x1F
    return (payload[3] & 0x1F if kind == 24 else kind) == 7


def _vp8_key(payload: bytes) -> bool:
    """RFC 7741: the inverse key frame flag is the frame's first bit."""
    descriptor, frame = VpxPayloadDescriptor.parse(payload)
    return bool(descriptor.partition_start == 1 and descriptor.partition_id == 0 and not frame[0] & 1)
