"""What waits until it was heard: frames behind sound, and the text of that sound."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from lipwire._spoken import Mark, Spoken

Item = TypeVar("Item")


@dataclass(frozen=True)
class Span:
    """The part of an utterance's sound that a text is the text of; both ends alike for a word whose time is known."""

    spoken: Spoken
    from_ms: int
    to_ms: int

    def heard(self) -> float:
        """Return how much of it was heard, 0 to 1, once the utterance has finished."""
        played = self.spoken.played_ms - self.from_ms
        if self.spoken.finished and not self.spoken.interrupted:
            return 1.0
        if self.to_ms <= self.from_ms:
            return 1.0 if played >= 0 and self.spoken.played_ms else 0.0
        return min(max(played / (self.to_ms - self.from_ms), 0.0), 1.0)


@dataclass(frozen=True)
class Held(Generic[Item]):
    """What waits: for a mark to be passed, or, where ``mark`` is None, for ``span`` to be reached."""

    item: Item
    mark: Mark | None
    span: Span | None


class Script(Generic[Item]):
    """Keeps what may go on only once the sound before it was heard; never reads a clock.

    Bound: what the framework sends behind sound that waits to be played; an interrupt empties it.
    """

    def __init__(self) -> None:
        self._behind: deque[Held[Item]] = deque()
        self._timed: list[Held[Item]] = []
        self._given_ns: dict[Spoken, int] = {}  # what a word's time counts from
        self._started_ns: dict[Spoken, int] = {}
        self._texted_ms: dict[Spoken, int] = {}  # up to where its text is known
        self._last_word_ns = 0

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self._behind and not self._timed

    def began(self, spoken: Spoken, now_ns: int) -> None:
        """Note when an utterance's first sound came: words are timed from then, or from the last word if later."""
        self._forget()
        self._given_ns[spoken] = max(now_ns, self._last_word_ns)

    def started(self, spoken: Spoken, now_ns: int) -> None:
        """Note when an utterance's first sound was heard."""
        if spoken in self._given_ns:
            self._started_ns[spoken] = now_ns

    def ends_ns(self, spoken: Spoken) -> int | None:
        """Return when all that was given of an utterance has been heard; None before it started."""
        started_ns = self._started_ns.get(spoken)
        return None if started_ns is None else started_ns + spoken.given_ms * 1_000_000

    def hold(self, item: Item, mark: Mark) -> None:
        """Keep something until its mark is passed."""
        self._behind.append(Held(item, mark, None))

    def hold_text(self, item: Item, mark: Mark, spoken: Spoken) -> None:
        """Keep the text of what was given of an utterance since its last text."""
        span = Span(spoken, self._texted_ms.get(spoken, 0), spoken.given_ms)
        self._texted_ms[spoken] = span.to_ms
        self._behind.append(Held(item, mark, span))

    def hold_timed(self, item: Item, spoken: Spoken, pts_ns: int) -> None:
        """Keep a word until an utterance has come to it."""
        self._last_word_ns = max(self._last_word_ns, pts_ns)
        at_ms = max(pts_ns - self._given_ns.get(spoken, pts_ns), 0) // 1_000_000
        self._timed.append(Held(item, None, Span(spoken, at_ms, at_ms)))

    def due(self, now_ns: int, idle: bool) -> list[Item]:
        """Take what may go on now; everything where ``idle``, as then all was heard."""
        out = []
        self._timed.sort(key=self._due_ns)  # when an utterance is heard may have become known
        while self._timed and (idle or self._due_ns(self._timed[0]) <= now_ns):
            out.append(self._timed.pop(0).item)
        while self._behind and (idle or self._behind[0].mark is None or self._behind[0].mark.passed):
            out.append(self._behind.popleft().item)
        return out

    def next_due_ns(self) -> int | None:
        """Return when something is due by the clock, as far as is known."""
        due_ns = min(map(self._due_ns, self._timed), default=_NEVER)
        return due_ns if due_ns < _NEVER else None

    def cut(self) -> list[Held[Item]]:
        """Empty it, and return what waited."""
        held = [*self._timed, *self._behind]
        self._timed, self._last_word_ns = [], 0
        self._behind.clear()
        return held

    def _due_ns(self, held: Held[Item]) -> int:
        assert held.span is not None
        spoken = held.span.spoken
        if spoken.finished:
            return 0
        started_ns = self._started_ns.get(spoken)
        return _NEVER if started_ns is None else started_ns + held.span.from_ms * 1_000_000

    def _forget(self) -> None:
        held = {each.span.spoken for each in (*self._timed, *self._behind) if each.span}
        for known in (self._given_ns, self._started_ns, self._texted_ms):
            for spoken in [each for each in known if each.finished and each not in held]:
                del known[spoken]


_NEVER = 1 << 62


def words_heard(text: str, share: float) -> str:
    """Return the words of a text that were heard whole, where so much of its sound was: an estimate by letters."""
    if share >= 1:
        return text
    letters = share * len(text)
    end = 0
    for at, letter in enumerate([*text, " "]):
        if letter.isspace() and at <= letters:
            end = at
    return text[:end].rstrip()
