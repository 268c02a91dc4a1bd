"""Folders in which avatars are made. What a crash leaves behind is swept up later."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "draft-"
KEPT_S = 24 * 3600  # no avatar takes that long to make


class Staging:
    """Makes drafts beside the avatars, so that a finished one is moved by a rename. For any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self) -> Path:
        """Make a folder; the caller removes it.

        Raises:
            OSError: when it cannot be made.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._sweep()
        return Path(tempfile.mkdtemp(dir=self._folder, prefix=PREFIX))

    @contextmanager
    def one(self) -> Iterator[Path]:
        """Yield a folder; it is removed at the end unless it was renamed.

        Raises:
            OSError: when it cannot be made.
        """
        staged = self.open()
        try:
            yield staged
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def _sweep(self) -> None:
        for old in self._folder.glob(f"{PREFIX}*"):
            with suppress(FileNotFoundError):
                if time.time() - old.stat().st_mtime > KEPT_S:
                    shutil.rmtree(old, ignore_errors=True)
