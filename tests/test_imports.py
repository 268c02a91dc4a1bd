"""The rules of pyproject.toml on who may import whom."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

LINT = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]


def test_arrows_point_down() -> None:
    done = subprocess.run(LINT, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "3 kept, 0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("pacer/counters.py", "import app.sessions.events"),
        ("sessions/events.py", "import app.api.messages"),
        ("inference/scheduler/demand.py", "import app.inference.engines.clapper"),
        ("avatars/avatar.py", "import app.ingest.pcm"),
        ("sessions/events.py", "import fastapi"),
    ],
)
def test_an_arrow_that_points_up_is_found(module: str, line: str, tmp_path: Path) -> None:
    copied = tmp_path / "app"
    for source in (ROOT / "app").rglob("*.py"):
        target = copied / source.relative_to(ROOT / "app")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source.read_text())
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    with (copied / module).open("a") as file:
        file.write(f"\n{line}\n")
    done = subprocess.run(LINT, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode != 0 and "1 broken" in done.stdout, done.stdout + done.stderr
