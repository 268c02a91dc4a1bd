"""What sets of objects the store has, as it was listed last."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from app.objects.faults import NoSuchObject, ObjectTooLarge
from app.objects.manifest import MANIFEST, MANIFEST_MOST_BYTES, Manifest
from app.objects.object_stat import ObjectStat
from app.objects.object_store import ObjectStore

logger = logging.getLogger(__name__)

NOTHING = Manifest("")


@dataclass(frozen=True, slots=True)
class Entry:
    """A set as it was listed. ``kept_ns``: when it was committed. ``objects``: those of its generation, by their names.

    ``fault``: why it cannot be used; empty where it can.
    """

    id: str
    mark: str
    kept_ns: int
    manifest: Manifest
    objects: Mapping[str, ObjectStat] = field(default_factory=dict)
    fault: str = ""

    @property
    def bytes(self) -> int:
        """What it takes."""
        return sum(stat.bytes for stat in self.objects.values())

    @property
    def state(self) -> tuple[str, ...]:
        """What is another one whenever the set is, or an object that was added to it later."""
        added = (f"{name}={stat.mark}" for name, stat in sorted(self.objects.items()) if name in ADDED)
        return (self.mark, *added)


ADDED = ("mouth.json",)  # objects that come, change and go after a set's commit, and matter to whoever has it


class Catalogue:
    """Lists ``kind/ID/info.json``, and what belongs to each. For any thread; what asks the store blocks.

    Bound: as many sets as the store lists (``LISTED_MOST`` objects).
    """

    def __init__(self, objects: ObjectStore, kind: str, is_id: Callable[[str], bool]) -> None:
        self._objects, self._kind, self._is_id = objects, kind, is_id
        self._entries: dict[str, Entry] = {}
        self._changed: set[str] = set()
        self._looked_at: set[str] = set()  # since the listing that is under way began
        self._guard, self._listing = threading.Lock(), threading.Lock()

    @property
    def entries(self) -> Mapping[str, Entry]:
        """All sets that were committed, as last listed."""
        with self._guard:
            return dict(self._entries)

    def get(self, id: str) -> Entry | None:
        """Return one as it was last listed."""
        with self._guard:
            return self._entries.get(id)

    def seed(self, entries: Iterable[Entry]) -> None:
        """Take what is known from before, until the store is listed."""
        with self._guard:
            self._entries.update((entry.id, entry) for entry in entries)

    def take_changes(self) -> set[str]:
        """Return, once, which sets are gone or others than they were; new ones are no change."""
        with self._guard:
            changed, self._changed = self._changed, set()
        return changed

    def note_change(self, id: str) -> None:
        """Have a set told as changed."""
        with self._guard:
            self._changed.add(id)

    def refresh(self) -> None:
        """List all.

        Raises:
            StoreAway: when that cannot be done.
        """
        with self._listing:
            with self._guard:
                self._looked_at.clear()
            found = self._read(self._objects.list(f"{self._kind}/"))
            with self._guard:
                for id in self._looked_at:  # what was listed of them may be older
                    known = self._entries.get(id)
                    found.pop(id, None)
                    if known is not None:
                        found[id] = known
                for id in self._entries:
                    self._compare(id, found.get(id))
                self._entries = found

    def look(self, id: str) -> Entry | None:
        """List one, and return it; None: it is not there.

        Raises:
            StoreAway: when that cannot be done.
        """
        if not self._is_id(id):
            return None
        with self._guard:
            self._looked_at.add(id)
        found = self._read(self._objects.list(f"{self._kind}/{id}/")).get(id)
        with self._guard:
            self._looked_at.add(id)
            self._compare(id, found)
            if found is None:
                self._entries.pop(id, None)
            else:
                self._entries[id] = found
        return found

    def leftovers(self, before_ns: int) -> Collection[ObjectStat]:
        """List what is older than that and belongs to no committed set: to uploads that never ended, or deleted sets.

        Raises:
            StoreAway: when that cannot be done.
        """
        stats = self._objects.list(f"{self._kind}/")
        named = {stat.key for entry in self._read(stats).values() for stat in entry.objects.values()}
        return [stat for stat in stats if stat.key not in named and stat.changed_ns < before_ns]

    def _compare(self, id: str, found: Entry | None) -> None:
        known = self._entries.get(id)
        if known is not None and (found is None or found.state != known.state):
            self._changed.add(id)

    def _read(self, stats: Iterable[ObjectStat]) -> dict[str, Entry]:
        by_id: dict[str, dict[str, ObjectStat]] = {}
        for stat in stats:
            id, _, rest = stat.key.removeprefix(f"{self._kind}/").partition("/")
            if rest and self._is_id(id):
                by_id.setdefault(id, {})[rest] = stat
        found: dict[str, Entry] = {}
        for id, objects in by_id.items():
            if MANIFEST in objects and (entry := self._entry(id, objects)) is not None:
                found[id] = entry
        return found

    def _entry(self, id: str, listed: Mapping[str, ObjectStat]) -> Entry | None:
        """Make an entry of what lies under an id; None: it is gone since it was listed."""
        committed = listed[MANIFEST]
        known = self.get(id)
        manifest, fault = NOTHING, ""
        if known is not None and known.mark == committed.mark and known.manifest is not NOTHING:
            manifest = known.manifest
        else:
            try:
                manifest = Manifest.parse(self._objects.get(committed.key, MANIFEST_MOST_BYTES))
            except NoSuchObject:
                return None
            except (ObjectTooLarge, ValueError, RecursionError) as error:
                fault = f"{type(error).__name__}: {error}"
        prefix = f"{manifest.generation}/"
        objects = {name.removeprefix(prefix): stat for name, stat in listed.items() if name.startswith(prefix)}
        for name, part in manifest.parts.items():
            if name not in objects or objects[name].bytes != part.bytes:
                fault = fault or f"{name} is not there, or has not the size that it should have"
        return Entry(id, committed.mark, committed.changed_ns, manifest, objects | {MANIFEST: committed}, fault)
