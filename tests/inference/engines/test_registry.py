from __future__ import annotations

from pathlib import Path

import pytest

from app.inference.engines.clapper import Clapper
from app.inference.engines.registry import Engines, NoSuchEngine


class Waver(Clapper):
    name = "waver"


def test_an_engine_that_was_added_is_found_by_its_name(tmp_path: Path) -> None:
    engines, waver = Engines(tmp_path), Waver()
    with pytest.raises(NoSuchEngine):
        engines.get("waver")
    engines.add(waver)
    assert engines.get("waver") is waver
    assert [status.name for status in engines.statuses()] == ["portrait", "wav2lip", "clapper", "waver"]


def test_an_engine_that_was_added_stands_in_for_one_of_its_name(tmp_path: Path) -> None:
    engines, mine = Engines(tmp_path, default="clapper"), Clapper()
    assert engines.get("clapper") is not mine
    engines.add(mine)
    assert engines.get("auto") is mine


def test_an_engine_is_made_once(tmp_path: Path) -> None:
    engines = Engines(tmp_path)
    assert engines.get("clapper") is engines.get("clapper")
