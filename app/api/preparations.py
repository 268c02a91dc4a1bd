"""How far each upload is on its way to becoming an avatar: told to nobody but whoever sent it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.api.models import Progress
from app.api.uploads import UploadCutShort
from app.errors import Refusal


@dataclass(slots=True)
class Preparation:
    """How far a video is, in frames, and whether it is still wanted. Written by one thread, read by another."""

    done: int = 0
    expected: int = 0
    is_wanted: bool = True

    def tell(self, done: int, expected: int) -> None:
        """Note how far it is.

        Raises:
            UploadCutShort: when nobody wants it.
        """
        if not self.is_wanted:
            raise UploadCutShort
        self.done, self.expected = done, expected


class Preparations:
    """The uploads under way that have an id, which their senders made up. Belongs to the event loop."""

    def __init__(self) -> None:
        self._by_id: dict[str, Preparation] = {}

    @contextmanager
    def begun(self, upload: str | None) -> Iterator[Preparation]:
        """Follow an upload until it is left; without an id nobody can ask for it.

        Raises:
            Refusal: ``upload_known``, when another one has that id.
        """
        preparation = Preparation()
        if upload is None:
            yield preparation
            return
        if upload in self._by_id:
            raise Refusal("upload_known", "Another upload has this id; make a random one for each.")
        self._by_id[upload] = preparation
        try:
            yield preparation
        finally:
            del self._by_id[upload]

    def progress(self, upload: str) -> Progress | None:
        """Return how far an upload is, None before its first frame and after its last."""
        preparation = self._by_id.get(upload)
        if preparation is None or not preparation.expected:
            return None
        return Progress(done=preparation.done, of=preparation.expected)
