"""A microphone: the tone in chunks of 20 ms, each handed to a socket at its moment.

It is as cheap as can be, as it shares its machine with what it measures: whole WebSocket frames are made beforehand,
and a timer writes them.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

from websockets.frames import Frame, Opcode

from app.clock import Clock
from app.media import NS_PER_MS, NS_PER_S, PACKET_NS, SAMPLES_PER_PACKET
from bench.tone import CYCLE_SAMPLES, Tone

CYCLE_CHUNKS = CYCLE_SAMPLES // SAMPLES_PER_PACKET
CHUNK_NS = PACKET_NS


@dataclass(slots=True)
class SentChunk:
    """20 ms of sound: when the microphone had it whole, when it was to be sent (jitter included), when it was."""

    whole_ns: int
    planned_ns: int
    sent_ns: int


class Microphone:
    """Writes chunks from ``start`` to ``stop``; each is late by 0 to ``jitter_ms``, and none overtakes another."""

    def __init__(self, tone: Tone, jitter_ms: float, seed: int, clock: Clock) -> None:
        self.sent: list[SentChunk] = []
        self._jitter_ms, self._dice, self._clock = jitter_ms, random.Random(seed), clock
        self._lead_in = tone.lead_in + 1  # the chunk with the first onset is not like the others
        chunks = [tone.samples(n * SAMPLES_PER_PACKET, SAMPLES_PER_PACKET) for n in range(self._lead_in + CYCLE_CHUNKS)]
        self._frames = [Frame(Opcode.BINARY, chunk.tobytes()).serialize(mask=True, extensions=()) for chunk in chunks]
        self._timer: asyncio.TimerHandle | None = None

    def start(self, transport: asyncio.WriteTransport, phase_ns: int) -> None:
        """Begin to hear, ``phase_ns`` from now."""
        self._transport = transport
        self._begun_ns = self._clock.now_ns() + phase_ns
        self._plan(0)

    def stop(self) -> None:
        """Fall silent."""
        if self._timer is not None:
            self._timer.cancel()

    def _plan(self, planned_before_ns: int) -> None:
        whole_ns = self._begun_ns + (len(self.sent) + 1) * CHUNK_NS
        jitter_ns = int(self._dice.uniform(0, self._jitter_ms) * NS_PER_MS)
        planned_ns = max(planned_before_ns, whole_ns + jitter_ns)
        wait_s = (planned_ns - self._clock.now_ns()) / NS_PER_S
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(0.0, wait_s), self._send, whole_ns, planned_ns)

    def _send(self, whole_ns: int, planned_ns: int) -> None:
        if self._transport.is_closing():
            return
        number = len(self.sent)
        place = number if number < self._lead_in else self._lead_in + (number - self._lead_in) % CYCLE_CHUNKS
        self.sent.append(SentChunk(whole_ns, planned_ns, self._clock.now_ns()))
        self._transport.write(self._frames[place])
        self._plan(planned_ns)
