"""Which of a session's events were seen."""

from __future__ import annotations


class Bookmark:
    """The newest event that was seen, by its number.

    ``after``: behind it lies all that matters; None: behind the newest at the first attach.
    """

    def __init__(self, after: int | None) -> None:
        self.after = after
        self._seen_one = after is not None
        self._repeated_to = 0  # the newest event when the server answered

    @property
    def caught_up(self) -> bool:
        """Whether all was seen that happened before the server's last answer to an attach."""
        return (self.after or 0) >= self._repeated_to

    def begin(self, newest: int) -> None:
        """Take the newest event there was at the first attach."""
        self.after = newest if self.after is None else self.after

    def repeat_to(self, newest: int) -> None:
        """Take the newest event there is at a later attach: what was missed is told up to it."""
        self._repeated_to = newest

    def restart(self) -> None:
        """See all that happens where the count begins anew."""
        self.after, self._seen_one = 0, True

    def is_news(self, seq: int) -> bool:
        """Whether an event was not seen before; it is now."""
        if self._seen_one and self.after is not None and seq <= self.after:
            return False
        self.after, self._seen_one = seq, True
        return True
