"""The programs in ``docs/agents.md``, run as they stand there, and watched in a browser."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest
from playwright.async_api import expect

from app.assets import SAMPLE
from tests.page import OpenPage
from tests.paths import ROOT
from tests.server import Server

ADDRESS = "http://127.0.0.1:8000"
CANNOT_DOWNLOAD = 75
INSTALL_S, DEADLINE_S = 1200, 90


def program(name: str, server: Server, folder: Path) -> Path:
    """Write one of the page's programs into a file, for this server."""
    text = (ROOT / "docs/agents.md").read_text()
    found = re.search(rf"```python\n(# {name}\b.*?)```", text, re.DOTALL)
    assert found is not None, f"docs/agents.md has no {name}"
    assert ADDRESS in found[1]
    path = folder / name
    path.write_text(found[1].replace(ADDRESS, server.url))
    return path


def python_of(framework: str) -> str:
    if not shutil.which("espeak-ng"):
        pytest.skip("the page's voice is missing: apt-get install espeak-ng")
    ran = subprocess.run(["sh", "tools/plugin_environment.sh", framework], cwd=ROOT, timeout=INSTALL_S)
    if ran.returncode == CANNOT_DOWNLOAD:
        pytest.skip(f"{framework} is not here and cannot be downloaded: run make test-plugins once with a network")
    assert ran.returncode == 0
    return str(ROOT / f".venv-{framework}/bin/python")


async def watch_link(process: Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE_S):
        while line := (await process.stdout.readline()).decode():
            if line.startswith("Watch: "):
                return line.removeprefix("Watch: ").strip()
    raise AssertionError("it ended without a link")


async def finish(process: Process, *typed: str) -> str:
    """Type lines, the last of them being heard out; returns what was printed after the link."""
    async with asyncio.timeout(DEADLINE_S):
        printed, _ = await process.communicate("".join(f"{line}\n" for line in (*typed, "")).encode())
    assert process.returncode == 0, printed.decode()
    return printed.decode()


@pytest.mark.browser
@pytest.mark.realtime
async def test_the_plain_client_speaks_a_file(server: Server, tmp_path: Path, open_page: OpenPage) -> None:
    path = program("speak.py", server, tmp_path)
    environment = {"PYTHONPATH": str(ROOT / "clients/python/src")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, path, SAMPLE, stdin=PIPE, stdout=PIPE, env=environment
    )
    page = await open_page(url=await watch_link(process))
    await expect(page.locator("body")).to_be_visible()
    assert re.search(r"^\d{4,} ms were heard$", await finish(process), re.MULTILINE)


@pytest.mark.browser
@pytest.mark.realtime
@pytest.mark.parametrize("framework", ["pipecat", "livekit"])
async def test_the_face_says_what_is_typed(framework: str, server: Server, tmp_path: Path, open_page: OpenPage) -> None:
    python = python_of(framework)
    path = program(f"typed_{framework}.py", server, tmp_path)
    process = await asyncio.create_subprocess_exec(python, path, stdin=PIPE, stdout=PIPE)
    page = await open_page(url=await watch_link(process))
    await page.wait_for_function("document.querySelector('lipwire-face') !== null")
    await finish(process, "This is a long sentence which is not heard to its end, as another one follows.", "Hello.")
