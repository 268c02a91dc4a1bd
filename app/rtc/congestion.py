"""Whether a receiver's estimate of its bandwidth is worth following. A pure function of what it reports."""

from __future__ import annotations

LOSS = 0.02  # of the packets: more than this is too much for the line
FALL = 0.9  # of the estimate before: less than this is a line that has become full
CALM = 5  # estimates without either, about as many seconds, until the line is trusted again
LONGEST_CALM = 60


class Congestion:
    """What one receiver says of its line.

    Receivers estimate what comes in, times a little more; so the estimate begins low, and stays low where little is
    sent, however wide the line. It limits what is sent only once packets are lost, or it falls. Where that happens
    again and again, trust takes twice as long each time.
    """

    def __init__(self) -> None:
        self.estimate: int | None = None  # bit/s; None: nothing was said
        self.congested = False
        self._calm = 0  # estimates since the last sign of congestion
        self._patience = CALM

    def note_loss(self, fraction: float) -> None:
        """Take the share of packets that a report says were lost."""
        if fraction > LOSS:
            self._enter()

    def note_estimate(self, bitrate: int) -> None:
        """Take an estimate, in bit/s."""
        if self.estimate is not None and bitrate < FALL * self.estimate:
            self._enter()
        self.estimate = bitrate
        self._calm += 1
        if self.congested and self._calm > self._patience:
            self.congested = False
        elif self._calm > LONGEST_CALM:
            self._patience = CALM

    def _enter(self) -> None:
        if not self.congested:
            self.congested = True
            self._patience = min(LONGEST_CALM, 2 * self._patience)
        self._calm = 0
