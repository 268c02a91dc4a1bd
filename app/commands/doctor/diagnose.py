"""Looks at everything in turn, whether the service runs or not; nothing is changed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict

from app.commands.doctor.access import access
from app.commands.doctor.certificates import certificates
from app.commands.doctor.disk import disk
from app.commands.doctor.engines import engines
from app.commands.doctor.finding import Finding, problem
from app.commands.doctor.machine import machine
from app.commands.doctor.media import media
from app.commands.doctor.ports import ports
from app.commands.doctor.store import store
from app.config import Settings, unknown_variables

LOOKS: tuple[Callable[[Settings], Iterable[Finding]], ...] = (
    machine,
    ports,
    media,
    certificates,
    access,
    disk,
    store,
    engines,
)


def diagnose(settings: Settings, as_json: bool = False) -> int:
    """Print what is found, each as soon as it is; returns 0 where nothing is a problem, else 1."""
    findings: list[Finding] = []
    for finding in _look(settings):
        findings.append(finding)
        if not as_json:
            print(finding, flush=True)
    worst = any(finding.level == "problem" for finding in findings)
    if as_json:
        print(json.dumps({"ok": not worst, "findings": [asdict(finding) for finding in findings]}, indent=2))
    return int(worst)


def _look(settings: Settings) -> Iterator[Finding]:
    for name, near in unknown_variables(os.environ):
        yield problem("settings", f"{name} is not known", f"it is {near}" if near else "see docs/settings.md")
    for look in LOOKS:
        try:
            yield from look(settings)
        except Exception as error:  # one look that fails must not hide the others
            yield problem(look.__name__, f"it could not be looked at: {error!r}", "please report that")
