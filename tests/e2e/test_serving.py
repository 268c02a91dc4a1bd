"""Starting and stopping as a user does: what is wrong is said in a sentence, never as a traceback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli import main
from tests.client import Client
from tests.paths import ROOT
from tests.server import Server


def serve(*flags: str, **settings: str) -> subprocess.CompletedProcess[str]:
    own = {f"LIPWIRE_{name.upper()}": value for name, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-m", "app", "serve", *flags],
        cwd=ROOT, env={**os.environ, "LIPWIRE_PORT": "0", **own}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_a_port_that_is_taken_is_named_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = serve(port=str(taken.getsockname()[1]))
    assert ended.returncode == 2
    assert "LIPWIRE_PORT" in ended.stderr and "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"engine": "dance"}, "LIPWIRE_ENGINE must be auto or one of portrait"),
        ({"engine": "wav2lip"}, "checkpoint"),
        ({"port": "eighty"}, "LIPWIRE_PORT must be a whole number"),
        ({"ssl_certfile": "none.pem", "ssl_keyfile": "none.pem"}, "none.pem"),
        ({"data_dir": f"{__file__}/data"}, "LIPWIRE_DATA_DIR"),
        ({"data_dir": "/proc/data"}, "LIPWIRE_DATA_DIR"),
        ({"weights_dir": __file__}, "LIPWIRE_WEIGHTS_DIR"),
        ({"ice_servers": "example.org"}, "LIPWIRE_ICE_SERVERS"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_the_start(settings: dict[str, str], said: str) -> None:
    ended = serve(**settings)
    assert ended.returncode == 2
    assert said in ended.stderr and "Traceback" not in ended.stderr


@pytest.mark.realtime
async def test_ctrl_c_ends_open_sessions_and_the_process(tmp_path: Path) -> None:
    server = Server.start(tmp_path)
    async with Client(server.ws_url) as client:
        await client.start(engine="clapper")
        await client.connect()
        await client.expect("stats")
        server.process.send_signal(signal.SIGINT)
        assert await client.wait_closed() in (1001, 1012, 1006)
    assert server.process.wait(timeout=15) in (0, 130, -2)
    log = server.log.read_text()
    assert "closed" in log and "Traceback" not in log


def test_weights_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "list"]) == 0
    assert "wav2lip_gan.pth" in capsys.readouterr().out
