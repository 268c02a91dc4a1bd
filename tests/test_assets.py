from __future__ import annotations

import pytest

from app import assets
from app.cli import main
from tests.paths import ROOT


def test_a_checkout_is_told_from_a_wheel() -> None:
    assert assets.in_checkout() and assets.CHECKOUT == ROOT
    assert assets.WEB.is_dir() and assets.WEIGHTS.is_dir() and assets.SAMPLE.is_file()


def test_benches_run_from_a_checkout_only(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("app.cli.in_checkout", lambda: False)
    assert main(["bench", "portrait"]) == 2
    assert "checkout" in capsys.readouterr().err
