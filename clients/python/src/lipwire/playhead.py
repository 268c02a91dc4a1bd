"""How much of a voice was heard, where the server can no longer be asked."""

from __future__ import annotations


class Playhead:
    """Follows what is heard by what the server tells: when an utterance begins, how much it was at its end, and once a
    second how much sound the session has played. Times are in seconds, of any one clock.
    """

    def __init__(self) -> None:
        self._begun_s: float | None = None  # when the one that is being heard began
        self._before_ms = 0  # the session's sound before that
        self._told: tuple[float, int] | None = None

    def begun(self, now_s: float) -> None:
        """An utterance begins to be heard."""
        self._begun_s = now_s

    def ended(self, played_ms: int) -> None:
        """It has ended, after so much of it."""
        self._begun_s = None
        self._before_ms += played_ms

    def told(self, now_s: float, session_ms: int) -> None:
        """The session has played so much."""
        self._told = now_s, session_ms
        if self._begun_s is None:
            self._before_ms = session_ms

    def session_ms(self, now_s: float) -> int:
        """Return how much the session has played, until then."""
        return self._before_ms + self.heard_ms(now_s)

    def heard_ms(self, now_s: float) -> int:
        """Return how much of the utterance that is being heard was, until then; 0 where there is none.

        Never more than sound can play since it began; less where the server told that it played less.
        """
        if self._begun_s is None:
            return 0
        heard_ms = (now_s - self._begun_s) * 1000
        if self._told is not None and self._told[0] > self._begun_s:
            told_s, session_ms = self._told
            heard_ms = min(heard_ms, session_ms - self._before_ms + (now_s - told_s) * 1000)
        return max(0, round(heard_ms))
