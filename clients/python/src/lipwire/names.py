"""What utterances are called, here and on the wire."""

from __future__ import annotations

from lipwire.speech import Speech

IDS_KEPT = 4096  # of utterances that are over, so that what is told twice is known


class Names:
    """The ids that were used, which no other utterance may have; ``IDS_KEPT`` of them, the newest.

    ``next_number``: behind those that the server gave to utterances without a name; None: it gave none.
    """

    def __init__(self) -> None:
        self.next_number: int | None = None
        self._used: dict[str, None] = {}

    def __contains__(self, id: str) -> bool:
        """Whether an utterance had this id."""
        return id in self._used

    def reserve(self, id: str) -> None:
        """Let an utterance have an id.

        Raises:
            ValueError: where another had it.
        """
        if id in self._used:
            raise ValueError(f"there was an utterance {id!r} before")
        self._used[id] = None
        if len(self._used) > IDS_KEPT:
            self._used.pop(next(iter(self._used)))

    def begin_piece(self, speech: Speech, start: int) -> None:
        """Let an utterance go on in another piece, from a byte on, under an id that nobody had."""
        speech.next_piece(start)
        while speech.wire_id in self._used:  # somebody's own name for another
            speech.next_piece(start)
        self.reserve(speech.wire_id)

    def heard(self, id: str) -> None:
        """Keep count of the numbers that the server gives."""
        if id.isascii() and id.isdigit():
            self.next_number = max(self.next_number or 1, int(id) + 1)
