from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from app.inference.engines.registry import Engines, EngineUnavailable
from app.inference.engines.wav2lip.backend import CONVERTED

EXTRA = r"lipwire-server\[wav2lip\]"


@pytest.fixture(autouse=True)
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec

    def find_others(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "torch" else find(name, package)

    monkeypatch.setattr("importlib.util.find_spec", find_others)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "wav2lip_gan.pth"
    path.write_bytes(b"not read")
    return path


def test_wav2lip_without_torch_names_the_extra(checkpoint: Path) -> None:
    engines = Engines(checkpoint.parent)
    (status,) = (status for status in engines.statuses() if status.name == "wav2lip")
    assert not status.available and "lipwire-server[wav2lip]" in status.why
    with pytest.raises(EngineUnavailable, match=EXTRA):
        engines.get("wav2lip")


def test_a_converted_network_needs_no_torch(checkpoint: Path) -> None:
    (checkpoint.parent / CONVERTED / f"{checkpoint.stem}-8-1-1").mkdir(parents=True)
    assert all(status.available for status in Engines(checkpoint.parent).statuses())
