"""The data folder's disk."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from app.commands.doctor.finding import Finding, ok, problem, warn
from app.config import Settings

TRIAL_BYTES = 16 * 1024 * 1024
SLOW_MBS = 20  # megabytes a second: a few recordings at once, and an upload
MB, GB = 10**6, 10**9


def disk(settings: Settings) -> Iterator[Finding]:
    """Write a file where data are kept, or will be, and take it away again."""
    folder = settings.data_dir
    place = next((each for each in (folder, *folder.parents) if each.exists()), folder)
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        yield problem("disk", f"{folder} cannot be written by this user", "set LIPWIRE_DATA_DIR, or chown the folder")
        return
    free = shutil.disk_usage(place).free
    spare = settings.spare_disk_megabytes * MB
    if free <= spare + TRIAL_BYTES:
        yield problem("disk", f"{folder}: {free / GB:.1f} GB are free", "make room: uploads and recordings are refused")
        return
    try:
        rate = _rate(place)
    except OSError as error:
        yield problem(
            "disk", f"{folder} cannot be written ({error.strerror})", "set LIPWIRE_DATA_DIR to another folder"
        )
        return
    said = f"{folder}: {free / GB:.1f} GB free, writes {rate:.0f} MB/s"
    if rate < SLOW_MBS:
        yield warn("disk", said, "recordings and uploads will wait for it; use a local disk")
    elif free < spare + GB:
        yield warn("disk", said, "a minute of video avatar takes 1 to 2.3 GB; make room")
    else:
        yield ok("disk", said)


def _rate(folder: Path) -> float:
    """Return megabytes a second, with all of it on the disk."""
    with tempfile.TemporaryFile(dir=folder) as file:
        begun = time.perf_counter()
        file.write(os.urandom(TRIAL_BYTES))
        file.flush()
        os.fsync(file.fileno())
        return TRIAL_BYTES / MB / max(time.perf_counter() - begun, 1e-6)
