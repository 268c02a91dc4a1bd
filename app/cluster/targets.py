"""Where Prometheus finds each stage: what it reads as ``file_sd_configs``."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

READABLE = 0o644


def targets(cards: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a target for each stage that said a card: where it listens, and what its series are to be told apart by.

    The labels are ``replica``, the stage's id, and ``node``, its machine's address. (``stage`` is a label of
    ``lipwire_stage_seconds``.)
    """
    found = []
    for card in sorted(cards, key=lambda each: str(each["stage"])):
        address = urlsplit(card.get("inner") or card["url"])
        labels = {"replica": str(card["stage"]), "node": address.hostname or ""}
        if address.scheme == "https":
            labels["__scheme__"] = "https"
        found.append({"targets": [address.netloc], "labels": labels})
    return found


def write_targets(path: Path, cards: Iterable[Mapping[str, Any]]) -> None:
    """Put the targets into a file in one step, so that Prometheus never reads half of them.

    Raises:
        OSError: where the file cannot be written; the old one stays.
    """
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(json.dumps(targets(cards), indent=1) + "\n")
        os.chmod(draft, READABLE)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
