"""How much of a voice was heard, in all places where its session lived."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lipwire.playhead import Playhead
from lipwire.speech import Speech


class Hearing:
    """Adds up what the server tells of it. ``clock``: in seconds, of any one clock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._playhead = Playhead()
        self._heard: Speech | None = None  # the one that is being heard
        self._elsewhere_ms = 0  # in the places before
        self.played_ms = 0

    def begun(self, speech: Speech | None) -> None:
        """An utterance begins to be heard; None: one that was not said here."""
        self._playhead.begun(self._clock())
        self._heard = speech

    def ended(self, played_ms: int) -> None:
        """It has ended, after so much of it."""
        self._playhead.ended(played_ms)
        self._heard = None

    def told(self, session_ms: int) -> None:
        """Take the server's count of all that was heard there."""
        self._playhead.told(self._clock(), session_ms)
        self.played_ms = self._elsewhere_ms + session_ms

    def settle(self, speeches: Iterable[Speech], texts: Iterable[Speech], lost_at: float | None) -> dict[Speech, int]:
        """Say how many bytes of each utterance were heard, for good: no server will tell more of them.

        ``texts``: those of which the server alone has the sound. ``lost_at``: when the place where the session was is
        lost; None: it has told all.
        """
        heard, texts = {}, set(texts)
        for speech in dict.fromkeys(speeches):  # once, whatever number of pieces it has
            ms = speech.heard_ms
            if lost_at is not None and speech is self._heard:
                ms += self._playhead.heard_ms(lost_at)
            if speech not in texts:
                ms = min(ms, speech.format.duration_ms(speech.sent))
            speech.heard_until(ms)
            heard[speech] = speech.format.bytes_in(ms)
            if ms == speech.format.duration_ms(speech.sent):
                heard[speech] = speech.sent  # what is left is less than a millisecond
        if lost_at is not None:  # since the server told it last more may have been heard
            self.played_ms = max(self.played_ms, self._elsewhere_ms + self._playhead.session_ms(lost_at))
        self._heard = None
        return heard

    def move(self, session_ms: int) -> None:
        """Go on in another place, which counts so much: on from where the last one was, or anew."""
        self._elsewhere_ms = max(0, self.played_ms - session_ms)
        self._playhead = Playhead()
