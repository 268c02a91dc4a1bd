"""Say which locked packages have known holes: ``python -m tools.audit [flags of pip-audit]``.

Ends with 0 where none has, 1 where one has, 2 where nobody could be asked.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("locks/test.txt", "locks/torch.txt", "app/faces/landmarks.txt")  # what runs is part of what is tested
SOUND, HOLES, NOT_ASKED = 0, 1, 2


@dataclass(frozen=True)
class Findings:
    """``holes``: a line each. ``asked`` packages were known to whoever was asked, ``unknown`` were not."""

    holes: list[str]
    asked: int
    unknown: int


def audit(lock: Path, flags: list[str]) -> Findings | None:
    """Ask about one lock's packages; None where there was no answer."""
    command = [sys.executable, "-m", "pip_audit", "-r", str(lock), "--require-hashes", "--disable-pip", "-f", "json"]
    command += ["--progress-spinner", "off", *flags]
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return None
    known = [package for package in packages if "skip_reason" not in package]
    holes = [
        f"{package['name']} {package['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'none'}"
        for package in known
        for hole in package["vulns"]
    ]
    return Findings(holes, len(known), len(packages) - len(known))


def main(flags: list[str]) -> int:
    """Ask about every lock."""
    findings = [audit(ROOT / lock, flags) for lock in LOCKS]
    answered = [each for each in findings if each is not None]
    holes = sorted({hole for each in answered for hole in each.holes})
    for hole in holes:
        print(hole)
    asked, unknown = sum(each.asked for each in answered), sum(each.unknown for each in answered)
    if holes:
        return HOLES
    if len(answered) < len(LOCKS) or not asked:
        print("Nobody could be asked about known holes: the service that knows them was not reached.")
        return NOT_ASKED
    print(f"No known holes in {asked} packages" + (f"; {unknown} are not known there." if unknown else "."))
    return SOUND


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
