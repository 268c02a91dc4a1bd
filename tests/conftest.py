from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.avatars.store import DEFAULT_ID, AvatarStore
from app.inference.engine import Portrait
from app.inference.face import FaceFinder
from tests.server import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that do not need settings of their own."""
    started = Server.start(tmp_path_factory.mktemp("server"))
    yield started
    assert started.stop() in (0, -15)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path; without one the browser tests fail, they are not skipped."""
    path = os.environ.get("LIPWIRE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not path or not Path(path).is_file():
        pytest.fail("No Chromium was found: apt-get install chromium, or set LIPWIRE_CHROMIUM to its path.")
    return path


@pytest.fixture(scope="session")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Portrait:
    """The bundled avatar, with its mesh."""
    return AvatarStore(tmp_path_factory.mktemp("avatars"), FaceFinder(), 1080, 1).load(DEFAULT_ID)
