"""The dashboard, as Grafana's JSON model wants it."""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any

from tests.deploy.dashboard import PATH, dashboard

COLUMNS = 24
UNITS = {"short", "s", "bytes", "percentunit"}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def test_it_is_written_tidily() -> None:
    assert PATH.read_text() == json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n"


def test_it_can_be_imported_anywhere() -> None:
    board = dashboard()
    assert board["uid"] and board["title"] and "id" not in board, "an id is the server's to give"
    assert board["schemaVersion"] >= 36 and {"from", "to"} == set(board["time"])
    names = {variable["name"]: variable["type"] for variable in board["templating"]["list"]}
    assert names == {"datasource": "datasource", "job": "query", "instance": "query"}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(board, ensure_ascii=False))) - {"__rate_interval", "__all"}
    assert used == set(names), "every variable is there and used"


def test_panels_have_all_that_they_need() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        if panel["type"] == "row":
            continue
        assert panel["type"] in ("timeseries", "stat") and panel["title"] and panel["description"].endswith(".")
        assert panel["datasource"] == SOURCE and all(target["datasource"] == SOURCE for target in panel["targets"])
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS and panel["fieldConfig"]["overrides"] == []
        refs = [target["refId"] for target in panel["targets"]]
        assert refs == [chr(ord("A") + number) for number in range(len(refs))]
        for target in panel["targets"]:
            assert target["expr"].count("(") == target["expr"].count(")") and target["legendFormat"]
            assert target["range"] != target["instant"]


def test_panels_do_not_overlap() -> None:
    def overlap(a: dict[str, Any], b: dict[str, Any]) -> bool:
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        return not (beside or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"])

    places = [panel["gridPos"] for panel in dashboard()["panels"]]
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= COLUMNS for place in places)
    assert not any(overlap(a, b) for a, b in combinations(places, 2))
