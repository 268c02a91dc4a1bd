"""Engines and voices of a cluster: what its stages have, whatever the front's machine has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from app.cluster.card import EngineCard
from app.cluster.placing import TRIES, TRIES_FOR_ENGINE
from tests.cluster.fronts import Front, front, made
from tests.cluster.placer import refused

WHY = "It needs a checkpoint."
WITHOUT = (EngineCard(name="clapper", available=True), EngineCard(name="wav2lip", available=False, why=WHY))
WITH = (EngineCard(name="clapper", available=True), EngineCard(name="wav2lip", available=True))
VOICE = {"id": "far", "name": "Far", "language": "en-gb"}


def ask(served: Front, path: str) -> Any:
    return served.client.get(path).json()


def test_an_engine_that_any_stage_has_is_there(tmp_path: Path) -> None:
    with front(tmp_path) as served:
        served.hear("a", engines=WITHOUT, auto="clapper")
        found = {each["name"]: each for each in ask(served, "/api/engines")["engines"]}
        assert not found["wav2lip"]["available"] and found["wav2lip"]["why"] == WHY
        served.hear("b", engines=WITH, auto="wav2lip")
        said = ask(served, "/api/engines")
        assert all(each["available"] and not each["why"] for each in said["engines"])
        served.hear("b", engines=WITH, auto="wav2lip", draining=True)
        served.hear("c", engines=WITHOUT, auto="clapper")
        said = ask(served, "/api/engines")
        assert [each["available"] for each in said["engines"]] == [True, False] and said["auto"] == "clapper"


def test_an_engine_that_no_stage_has_is_refused_before_any_is_asked(tmp_path: Path) -> None:
    with front(tmp_path) as served:
        served.hear("a", engines=WITHOUT, auto="clapper")
        answer = served.client.post("/api/sessions", json={"engine": "wav2lip"})
        assert (answer.status_code, answer.json()["code"]) == (503, "engine_unavailable")
        assert WHY in answer.json()["detail"] and not served.placer.wishes


def test_a_stage_that_lacks_the_engine_is_passed_by(tmp_path: Path) -> None:
    tries = TRIES + 1
    assert tries < TRIES_FOR_ENGINE
    with front(tmp_path, *[[refused("engine_unavailable")]] * tries, [made("b")]) as served:
        served.hear("a", engines=WITHOUT, auto="clapper")
        served.hear("b", engines=WITH, auto="wav2lip")
        assert served.client.post("/api/sessions", json={"engine": "wav2lip"}).status_code == 201
        assert len(served.placer.wishes) == tries + 1


def test_voices_are_those_of_the_stages(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/api/voices"
        if request.url.host.startswith("a"):
            return httpx.Response(200, json={"voices": [], "default": None, "why": "nothing speaks"})
        return httpx.Response(200, json={"voices": [VOICE], "default": "far", "why": ""})

    with front(tmp_path, answer=answer) as served:
        served.hear("a", engines=WITHOUT)
        served.hear("b", engines=WITHOUT)
        assert ask(served, "/api/voices") == {"voices": [VOICE], "default": "far", "why": ""}


def test_a_stage_that_does_not_answer_leaves_the_fronts_own_voices(tmp_path: Path) -> None:
    with front(tmp_path) as served:
        served.hear("a", engines=WITHOUT)
        assert served.client.get("/api/voices").status_code == 200
