"""Where avatars and recordings are kept: in the data folder alone, or in a store that nodes share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.avatars.shared_store import SharedAvatarStore
from app.avatars.store import AvatarStore
from app.config import Settings
from app.disk import BYTES_PER_MEGABYTE
from app.faces.face import FaceFinder
from app.objects.object_store import ObjectStore
from app.provenance.origin import Origin
from app.recordings.piecing import Section
from app.recordings.shared_store import SharedRecordingStore
from app.recordings.store import RecordingStore
from app.rtc.recording.joined import Piece, join

MEMORY = "store-mark"  # of the data folder


@dataclass(frozen=True, slots=True)
class Stores:
    """Both stores; each does the work of its plain kind, whichever it is."""

    avatars: AvatarStore
    recordings: RecordingStore

    @classmethod
    def of(cls, settings: Settings, origin: Origin) -> Stores:
        """Make those that the settings ask for; nothing is asked of a shared store yet.

        Raises:
            SettingsError: when what a shared store needs is not installed.
        """
        folder, finder = settings.data_dir, FaceFinder()
        spare_bytes = int(settings.spare_disk_megabytes * BYTES_PER_MEGABYTE)
        keep_days, mark = settings.recordings_keep_days, origin.mark_if_possible
        if not settings.store:
            return cls(
                AvatarStore(folder, finder, settings.max_side, settings.max_avatars, spare_bytes),
                RecordingStore(folder, keep_days, spare_bytes, mark),
            )
        objects = ObjectStore(settings.store, settings.store_endpoint, folder / MEMORY)
        return cls(
            SharedAvatarStore(folder, finder, settings.max_side, settings.max_avatars, objects, spare_bytes),
            SharedRecordingStore(folder, keep_days, objects, spare_bytes, mark, partial(_join, origin)),
        )


def _join(origin: Origin, sections: Sequence[Section], to: Path) -> int:
    pieces = [Piece(each.path, each.begins_ms, each.from_ms, each.until_ms) for each in sections]
    return join(pieces, to, origin.tags)
