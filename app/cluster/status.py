"""``lipwire cluster status``: the stages, as a front knows them."""

from __future__ import annotations

import json
import sys
from typing import Any

import httpx

from app.access.key_ring import SUM_PREFIX
from app.config import Settings

PATIENCE_S = 5.0
TITLES = ("STAGE", "SESSIONS", "PLACES", "LOAD", "STATE", "VERSION", "NODE", "URL")


class NoFront(Exception):
    """No front says how stages are; the message says why."""


def status(settings: Settings, as_json: bool) -> int:
    """Print what the front says; returns the exit status: 0 where a stage takes sessions, 1 where none does."""
    try:
        said = ask(settings)
    except NoFront as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(json.dumps(said, indent=2) if as_json else table(said))
    return 0 if any(not stage["draining"] for stage in said["stages"]) else 1


def ask(settings: Settings) -> dict[str, Any]:
    """Return what the front says of all stages.

    Raises:
        NoFront: it does not.
    """
    key = next((key for key in settings.api_keys if not key.startswith(SUM_PREFIX)), "")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    url = f"{settings.front_url}/api/stages"
    try:
        answer = httpx.get(url, headers=headers, timeout=PATIENCE_S)
        said: dict[str, Any] = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise NoFront(f"there is no front at {settings.front_url} ({error}); set LIPWIRE_FRONT_URL.") from error
    if answer.status_code != httpx.codes.OK:
        raise NoFront(said.get("detail", "the front refuses to say"))
    return said


def table(said: dict[str, Any]) -> str:
    """Return the same for people."""
    stages = said["stages"]
    rows = [TITLES, *(_row(stage) for stage in stages)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(TITLES))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    sessions, places = (sum(stage[name] for stage in stages) for name in ("sessions", "places"))
    lines.append(f"{len(stages)} stages, {sessions} sessions on {places} places; front {said['front']}")
    return "\n".join(lines)


def _row(stage: dict[str, Any]) -> tuple[str, ...]:
    return (
        str(stage["id"]),
        str(stage["sessions"]),
        str(stage["places"]),
        f"{stage['load']:.0%}",
        "draining" if stage["draining"] else "open",
        str(stage["version"]),
        str(stage["node"]),
        str(stage["url"]),
    )
