"""A session as the server keeps it, without sound, pictures or sockets: the protocol, as plainly as can be."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

BYTES_PER_MS = 48  # 24 kHz, 16 bit, one channel


@dataclass(eq=False)
class Ledger:
    """One utterance."""

    id: str
    received: int = 0
    heard: int = 0
    told: bool = False
    openings: int = 1
    finished: bool = False

    @property
    def played_ms(self) -> int:
        return self.heard // BYTES_PER_MS


@dataclass(frozen=True)
class Step:
    """Something that is played after all before it: sound, a mark, or an end."""

    utterance: Ledger | None
    count: int = 0
    mark: str | None = None
    ends: bool = False


class ModelSession:
    """Takes a feeder's messages; :meth:`play` lets time pass. ``events`` holds all that was told."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.assembled: dict[str, bytearray] = {}  # all sound that came, by utterance
        self.said: list[str] = []
        self.order: list[str] = []  # in which utterances began
        self.messages: list[dict[str, Any] | bytes] = []
        self.moods: list[dict[str, Any]] = []
        self.hints: list[dict[str, Any]] = []
        self.latest: Ledger | None = None
        self.played = 0
        self.watching = 0
        self._current: Ledger | None = None
        self._unfinished: list[Ledger] = []
        self._steps: deque[Step] = deque()
        self._swallows = False

    def started(self, session: str = "s") -> dict[str, Any]:
        return {
            "type": "started",
            "session": session,
            "engine": "model",
            "avatar": "default",
            "mode": "agent",
            "fps": 25,
            "width": 512,
            "height": 288,
            "voice_lead_ms": 0,
            "ice_servers": [],
            "played_ms": self.played // BYTES_PER_MS,
            "utterance": self.latest.id if self.latest else None,
            "received_bytes": self.latest.received if self.latest else 0,
            "viewers": self.watching,
            "last_event": len(self.events),
        }

    def after(self, seq: int) -> list[dict[str, Any]]:
        return self.events[seq:]

    def take(self, message: dict[str, Any] | bytes) -> None:
        """Act on what a feeder says."""
        self.messages.append(message)
        if isinstance(message, bytes):
            self._sound(message)
            return
        kind = message["type"]
        if kind == "utterance":
            if self._current is None or self._current.id != message["id"]:
                self._end()
                self._begin(message["id"])
        elif kind == "flush":
            self._end()
        elif kind == "mark":
            self._steps.append(Step(None, mark=message["id"]))
        elif kind == "interrupt":
            self.interrupt()
        elif kind == "mood":
            self.moods.append(message)
        elif kind == "listening":
            self.hints.append(message)
        elif kind == "say":
            self._end()
            self._begin(message["utterance"])
            self.said.append(message["text"])
            self._sound(bytes(len(message["text"]) * 40 * BYTES_PER_MS), counted=False)
            self._end()
        else:
            raise AssertionError(message)

    def leave(self) -> None:
        """The feeder has gone, or was lost."""
        self._end()

    def play(self, steps: int = 1_000_000) -> None:
        """Let so much of what came be heard."""
        while self._steps and steps:
            steps -= 1
            step = self._steps.popleft()
            if step.mark is not None:
                self._tell(type="mark", id=step.mark)
            utterance = step.utterance
            if utterance is None:
                continue
            if step.count and not utterance.told:
                utterance.told = True
                self._speaking(utterance, "started", False)
            utterance.heard += step.count
            self.played += step.count
            if step.ends:
                utterance.openings -= 1
                if not utterance.openings:
                    self._finish(utterance, interrupted=False)

    def interrupt(self, from_outside: bool = False) -> dict[str, Any]:
        cut = self._unfinished[0] if self._unfinished else None
        for utterance in list(self._unfinished):
            self._finish(utterance, interrupted=True)
        self._swallows = from_outside and (self._swallows or self._current is not None)
        self._current = None
        self._steps.clear()
        return self._tell(
            type="interrupted",
            utterance=cut.id if cut else None,
            played_ms=cut.played_ms if cut else 0,
            session_played_ms=self.played // BYTES_PER_MS,
        )

    def fail_say(self, utterance: str, code: str) -> None:
        self._tell(type="say_failed", utterance=utterance, code=code, message=f"It is {code}.")

    def viewers(self, count: int) -> None:
        self.watching = count
        self._tell(type="viewers", count=count)

    def _begin(self, id: str) -> None:
        latest = self.latest
        if latest is not None and latest.id == id and not latest.finished:
            latest.openings += 1
            self._current = latest
            return
        self.latest = self._current = Ledger(id)
        self._unfinished.append(self._current)
        self.assembled.setdefault(id, bytearray())
        self.order.append(id)

    def _sound(self, data: bytes, counted: bool = True) -> None:
        if self._swallows:
            return
        current = self._current
        assert current is not None, "sound outside of an utterance"
        if counted:
            current.received += len(data)
            self.assembled[current.id] += data
        self._steps.append(Step(current, len(data)))

    def _end(self) -> None:
        self._swallows = False
        if self._current is not None:
            self._steps.append(Step(self._current, ends=True))
        self._current = None

    def _finish(self, utterance: Ledger, interrupted: bool) -> None:
        assert not utterance.finished
        utterance.finished = True
        self._unfinished.remove(utterance)
        self._speaking(utterance, "finished", interrupted)

    def _speaking(self, utterance: Ledger, state: str, interrupted: bool) -> None:
        self._tell(
            type="speaking",
            state=state,
            utterance=utterance.id,
            played_ms=utterance.played_ms if state == "finished" else 0,
            interrupted=interrupted,
        )

    def _tell(self, **event: Any) -> dict[str, Any]:
        self.events.append({**event, "seq": len(self.events) + 1})
        return self.events[-1]


def joined(assembled: dict[str, bytearray], id: str) -> bytes:
    """All sound of an utterance, whose pieces have names of their own."""
    pieces = [name for name in assembled if name == id or name.startswith(f"{id}~")]
    return b"".join(bytes(assembled[name]) for name in pieces)
