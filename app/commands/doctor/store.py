"""The store that nodes share, where there is one."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from app.commands.doctor.finding import Finding, ok, problem, warn
from app.config import Settings, SettingsError
from app.objects.connecting import folder_of
from app.objects.faults import ObjectExists, StoreAway
from app.objects.object_store import ObjectStore

TRIAL = "trial/"


def store(settings: Settings) -> Iterator[Finding]:
    """Write an object, see that it is not written twice, read and list it, and take it away again."""
    if not settings.store:
        return
    try:
        objects = ObjectStore(settings.store, settings.store_endpoint)
    except SettingsError as error:
        yield problem("store", settings.store, str(error))
        return
    folder = folder_of(settings.store)
    if folder is not None and not folder.root.exists():  # whoever looks may be another user than the service's
        yield warn("store", f"{folder.root} is not there", "mount it; if that is right, the first server makes it")
        return
    try:
        yield _tried(settings.store, objects)
    except StoreAway as away:
        yield problem(
            "store",
            f"{settings.store} cannot be used: {away.why}",
            "look at LIPWIRE_STORE, LIPWIRE_STORE_ENDPOINT and AWS_*",
        )


def _tried(url: str, objects: ObjectStore) -> Finding:
    key = TRIAL + secrets.token_hex(8)
    objects.put(key, b"1", create=True)
    try:
        objects.put(key, b"2", create=True)
        todo = "use one that knows conditional writes (If-None-Match)"
        return problem("store", f"{url} writes an object twice", todo)
    except ObjectExists:
        if objects.get(key, 1) != b"1" or key not in [stat.key for stat in objects.list(TRIAL)]:
            return problem("store", f"{url} does not give back what it takes", "use another one")
    finally:
        objects.delete(key)
    return ok("store", f"{url} can be written, read and listed")
