"""lipwire.service: what systemd thinks of it, and a session under its confinement, as far as that goes without it."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client import Client
from tests.paths import ROOT
from tests.server import Server

UNIT = ROOT / "deploy" / "lipwire.service"
EXPOSED = 1.5  # of 10: systemd's own scale, where 10 is a service that may do anything
CONFINED = (sys.executable, str(ROOT / "tests" / "deploy" / "confined.py"), str(UNIT), sys.executable, "-m", "app")


@pytest.fixture
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze is missing: apt-get install systemd")
    return found


def test_systemd_understands_it(analyze: str, tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/lipwire/bin/lipwire", "/bin/true"))
    checked = subprocess.run([analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_it_is_exposed_to_little(analyze: str) -> None:
    command = [analyze, "security", "--offline=true", "--no-pager", str(UNIT)]
    rated = subprocess.run(command, capture_output=True, text=True).stdout
    found = re.search(r"Overall exposure level for lipwire.service: ([\d.]+)", rated)
    assert found is not None and float(found[1]) <= EXPOSED, rated


@pytest.mark.realtime
async def test_a_face_is_drawn_and_watched_under_its_confinement(analyze: str, tmp_path: Path) -> None:
    if importlib.util.find_spec("pyseccomp") is None:
        pytest.skip("pyseccomp is missing: pip install pyseccomp")
    if os.geteuid() != 0:
        pytest.skip("capabilities can be dropped by root alone")
    server = Server.start(tmp_path, command=CONFINED)
    try:
        status = Path(f"/proc/{server.pid}/status").read_text()
        assert "Seccomp:\t2" in status and "NoNewPrivs:\t1" in status and "CapEff:\t0000000000000000" in status
        async with Client(server.ws_url) as client:
            await client.start(engine="portrait")
            await client.connect()
            await client.socket.send(bytes(96_000))
            await client.expect("stats")
            assert client.video.timestamps and client.audio.timestamps
    finally:
        assert server.stop() == 0
    assert "Traceback" not in server.log.read_text()
