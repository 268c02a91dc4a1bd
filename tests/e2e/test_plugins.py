"""What plugs a face into agent frameworks, each tested in an environment of its own, as their pins differ from ours."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.paths import ROOT
from tests.server import Server

CANNOT_DOWNLOAD = 75
PATIENCE_S = 1200  # installing a framework on a busy machine takes most of it


@pytest.mark.realtime
@pytest.mark.parametrize("framework", ["pipecat", "livekit"])
def test_a_face_works_in_the_framework(framework: str, server: Server) -> None:
    command = ["sh", "tools/test_plugins.sh", framework]
    environment = {**os.environ, "LIPWIRE_TEST_URL": server.url}
    ran = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
    )
    if ran.returncode == CANNOT_DOWNLOAD:
        pytest.skip(f"{framework} is not here and cannot be downloaded: run make test-plugins once with a network")
    assert ran.returncode == 0, ran.stdout[-20_000:]
    assert "skipped" not in ran.stdout, ran.stdout[-20_000:]
