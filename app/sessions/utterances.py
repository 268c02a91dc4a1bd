"""What a session says, one utterance after the other, and how much of each has been heard.

Positions count packets of sound (20 ms) since the session's first sample; a slice of sound holds two of them. They
pass in order, so one number says what has ended: everything before :attr:`Utterances.position`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from app.errors import Refusal
from app.media import PACKET_MS, PACKETS_PER_FRAME
from app.sessions.events import Marked, SayFailed, SessionEvent, Speaking

WAITING_HIGH = 1000  # utterances, and as many marks, that have not ended
LATER = "send more once some have been."


@dataclass(slots=True, eq=False)
class Utterance:
    """One utterance. ``named``: its sender gave it its id. ``of_voice``: no sender's word began it, but its sound.

    ``begin``, ``end``: positions of its first packet and behind its last, once they are known. ``openings``: how often
    it was begun, or gone on with, and has not been closed since. ``heard``: packets.
    """

    id: str
    named: bool
    of_voice: bool = False
    begin: int | None = None
    end: int | None = None
    openings: int = 1
    heard: int = 0
    told: bool = False
    received_bytes: int = 0

    @property
    def played_ms(self) -> int:
        """How much of it has been heard."""
        return self.heard * PACKET_MS


@dataclass(frozen=True, slots=True)
class _Mark:
    id: str
    position: int
    behind: Utterance | None  # the utterance that was closed last before it


class Utterances:
    """The ledger: each utterance that was begun ends once, whatever happens to its sound.

    Bound: ``WAITING_HIGH`` utterances and marks; full: refused. On the event loop; ``tell`` takes the events.
    ``next_number``: of the first that gets one.
    """

    def __init__(self, tell: Callable[[SessionEvent], None], next_number: int = 1) -> None:
        self._tell = tell
        self._waiting: deque[Utterance] = deque()  # in the order of their sound
        self._marks: deque[_Mark] = deque()
        self._closed: Utterance | None = None  # last, of those that a feeder has sent
        self._marks_waiting = 0  # those whose place is not known yet included
        self._numbered = next_number - 1
        self._names: set[str] = set()  # of those that wait
        self.latest: Utterance | None = None  # of those that a feeder has sent
        self.position = 0

    @property
    def speaking(self) -> bool:
        """Whether one has begun to be heard and not ended."""
        return bool(self._waiting) and self._waiting[0].told

    @property
    def waiting(self) -> bool:
        """Whether there is one that has not ended."""
        return bool(self._waiting)

    @property
    def next_number(self) -> int:
        """Of the next one that gets a number."""
        return self._numbered + 1

    def number_from(self, next_number: int) -> None:
        """Give no number below this any more; those that were given stay."""
        self._numbered = max(self._numbered, next_number - 1)

    def open(self, name: str | None = None) -> Utterance:
        """Begin an utterance, behind all others; without a name it gets a number.

        The latest one, where it has that name and has not ended, is gone on with.

        Raises:
            Refusal: ``too_many_utterances``.
        """
        latest = self.latest
        if name is not None and latest is not None and latest.id == name and latest in self._waiting:
            if latest.openings >= WAITING_HIGH:
                raise Refusal("too_many_utterances", f"{WAITING_HIGH} pieces of it wait to be read; {LATER}")
            latest.openings += 1
            return latest
        if len(self._waiting) >= WAITING_HIGH:
            raise Refusal("too_many_utterances", f"{WAITING_HIGH} utterances wait to be played; {LATER}")
        self.latest = utterance = self._new(name)
        self._waiting.append(utterance)
        return utterance

    def begin(self, utterance: Utterance, pts: int) -> None:
        """Note that an utterance's sound begins with a slice."""
        if utterance.begin is None:
            utterance.begin = pts * PACKETS_PER_FRAME

    def close(self, utterance: Utterance, pts: int) -> None:
        """Note that an utterance's sound ends before a slice."""
        utterance.openings -= 1
        utterance.end = pts * PACKETS_PER_FRAME
        self._closed = utterance
        self._settle()

    def fail(self, utterance: Utterance, why: Refusal) -> None:
        """Tell that there is no more of an utterance's sound than there is; it ends with that."""
        self._tell(SayFailed(utterance.id, why))

    def voice_begins(self, pts: int) -> None:
        """Take a voice that is heard from a slice on; it is an utterance, where it does not belong to one."""
        at = pts * PACKETS_PER_FRAME
        if any(self._holds(each, at) for each in self._waiting) or len(self._waiting) >= WAITING_HIGH:
            return
        utterance = self._new(None, of_voice=True)
        utterance.begin = at
        behind = [i for i, each in enumerate(self._waiting) if each.begin is None or each.begin > at]
        self._waiting.insert(behind[0] if behind else len(self._waiting), utterance)

    def voice_ends(self, pts: int) -> None:
        """Note that the voice that began by itself ends before a slice."""
        open_one = next((each for each in self._waiting if each.of_voice and each.openings), None)
        if open_one is not None:
            self.close(open_one, pts)

    def expect_mark(self) -> None:
        """Count a mark whose place is not known yet.

        Raises:
            Refusal: ``too_many_marks``.
        """
        if self._marks_waiting >= WAITING_HIGH:
            raise Refusal("too_many_marks", f"{WAITING_HIGH} marks wait to be played; {LATER}")
        self._marks_waiting += 1

    def mark(self, id: str, position: int) -> None:
        """Have an event told when everything before a position has been played."""
        self._marks.append(_Mark(id, position, self._closed))
        self._settle()

    def left(self, position: int) -> None:
        """Note that the packet at a position goes to whoever listens."""
        for utterance in self._waiting:
            if utterance.begin is None or utterance.begin > position:
                break  # it is its turn later, as it is of those behind it
            if self._holds(utterance, position):
                if not utterance.told:
                    utterance.told = True
                    self._tell(Speaking(True, utterance.id, 0, False))
                utterance.heard += 1
                break
        self.pass_over(position + 1)

    def pass_over(self, position: int) -> None:
        """Note that nothing before a position will be heard any more."""
        self.position = max(self.position, position)
        self._settle()

    def cut(self, next_pts: int) -> Utterance | None:
        """End everything that waits; what follows begins with slice ``next_pts``. Returns whose turn it was."""
        current = self._waiting[0] if self._waiting else None
        for utterance in self._waiting:
            self._tell(Speaking(False, utterance.id, utterance.played_ms, True))
        self._waiting.clear()
        self._names.clear()
        self._marks.clear()
        self._marks_waiting = 0
        self.position = max(self.position, next_pts * PACKETS_PER_FRAME)
        return current

    def _new(self, name: str | None, of_voice: bool = False) -> Utterance:
        if name is None:
            self._numbered += 1
            while str(self._numbered) in self._names:
                self._numbered += 1
        utterance = Utterance(name or str(self._numbered), name is not None, of_voice)
        self._names.add(utterance.id)
        return utterance

    def _holds(self, utterance: Utterance, position: int) -> bool:
        if utterance.begin is None or position < utterance.begin:
            return False
        return utterance.openings > 0 or (utterance.end is not None and position < utterance.end)

    def _settle(self) -> None:
        """Tell what has ended, marks and utterances in their order."""
        while True:
            mark = self._marks[0] if self._marks else None
            if mark is not None and mark.position <= self.position and mark.behind not in self._waiting:
                self._marks.popleft()
                self._marks_waiting -= 1
                self._tell(Marked(mark.id))
                continue
            front = self._waiting[0] if self._waiting else None
            if front is None or front.openings or front.end is None or front.end > self.position:
                return
            self._waiting.popleft()
            self._names.discard(front.id)
            self._tell(Speaking(False, front.id, front.played_ms, False))
