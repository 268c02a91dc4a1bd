"""Sessions whose stage has died, and who brings them back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import jwt

from app.clock import wall_clock
from app.cluster.directory import UNSURE_NS, YOUNG_NS
from app.cluster.lease import StageLost
from app.cluster.whereabouts import HEARD_NS, OLD_NS
from tests.cluster.fronts import BARE, Front, front, made, ref, url_of
from tests.cluster.placer import refused
from tests.cluster.waiting import wait_until

OTHER = "f" * 24


def feed_token(served: Front, **claims: Any) -> dict[str, str]:
    """A feed token, as stages make them."""
    end = wall_clock().timestamp() + 600
    wish = {"avatar": "default", "engine": "clapper", "mode": "agent", "idle_s": 60, "end": end} | claims
    return {"Authorization": f"Bearer {served.gate.tokens.issue(BARE, 'feed', 600, wish).text}"}


def revive(served: Front, **claims: Any) -> httpx.Response:
    answer: httpx.Response = served.client.post(
        f"/api/sessions/{ref()}/revival", json={"next_utterance": 7}, headers=feed_token(served, **claims)
    )
    return answer


def test_a_lost_session_is_made_anew_under_its_name(tmp_path: Path) -> None:
    with front(tmp_path, [made("b")]) as served:
        served.hear("a", BARE)
        served.directory.own.leave("a", died=True)
        answer = revive(served)
        assert answer.status_code == 201 and answer.json()["id"] == ref(stage="b")
        wish = served.placer.wishes[0]
        assert (wish["kind"], wish["bare_id"]) == ("session", BARE)
        request = wish["request"]
        assert (request["engine"], request["next_utterance"], request["id"]) == ("clapper", 7, BARE)
        assert 0 < request["lifetime"]["max_duration_s"] <= 600


def test_who_comes_second_finds_it_where_it_lives(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"width": 768, "height": 768, "expires_at": "2026-11-22T10:00:00Z"})

    with front(tmp_path, [made("b")], answer=answer) as served:
        served.hear("a", BARE)
        served.directory.own.leave("a", died=True)
        assert revive(served).status_code == 201
        again = revive(served)  # before the new stage's card has come
        assert (again.status_code, again.json()["code"]) == (503, "session_moving")
        served.hear("b", BARE)
        third = revive(served)
        assert third.status_code == 200 and third.json()["id"] == ref(stage="b")
        assert third.json()["feed"]["url"].startswith(url_of("b").replace("http", "ws") + "/ws?session=")
        served.gate.tokens.check(third.json()["feed"]["token"], BARE, "feed")
        assert len(served.placer.wishes) == 1


def test_one_that_has_ended_stays_ended(tmp_path: Path) -> None:
    with front(tmp_path) as served:
        served.hear("a", BARE)
        served.hear("a")
        assert revive(served).json()["code"] == "no_such_session"
        served.directory.own.leave("a", died=True)
        assert revive(served).json()["code"] == "no_such_session"
        assert revive(served, end=wall_clock().timestamp() - 1).status_code == 404


def test_it_wants_the_feed_token_and_no_other(tmp_path: Path) -> None:
    with front(tmp_path) as served:
        path = f"/api/sessions/{ref()}/revival"
        assert served.client.post(path).json()["code"] == "token_missing"
        view = served.gate.tokens.issue(BARE, "view", 60).text
        wrong = served.client.post(path, headers={"Authorization": f"Bearer {view}"})
        assert wrong.json()["code"] == "token_not_for_this"
        assert revive(served, owner="a key that was revoked").json()["code"] == "key_revoked"
        forged = served.client.post(f"/api/sessions/{BARE}.forged/revival", headers=feed_token(served))
        assert forged.json()["code"] == "no_such_session"


def test_who_fails_lets_another_try(tmp_path: Path) -> None:
    with front(tmp_path, *[[refused("server_full")]] * 3, [made("b")]) as served:
        served.hear("a", BARE)
        served.directory.own.leave("a", died=True)
        assert revive(served).json()["code"] == "server_full"
        assert revive(served).status_code == 201


def test_without_a_directory_the_owner_is_asked_and_a_dead_one_is_no_end(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("gone")

    with front(tmp_path, answer=answer) as served:
        served.directory.away = True
        assert revive(served).json()["code"] == "session_moving"


def test_a_token_that_was_lent_for_a_minute_buys_none_that_lasts_longer(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"width": 768, "height": 768, "expires_at": "2026-11-22T10:00:00Z"})

    with front(tmp_path, [made("b")], answer=answer) as served:
        served.hear("a", BARE)
        served.directory.own.leave("a", died=True)
        wish = {"avatar": "default", "engine": "clapper", "mode": "agent", "idle_s": 60}
        end = wall_clock().timestamp() + 3600
        lent = served.gate.tokens.issue(BARE, "feed", 60, wish | {"end": end}).text
        for status in (201, 200):
            said = served.client.post(f"/api/sessions/{ref()}/revival", headers={"Authorization": f"Bearer {lent}"})
            assert said.status_code == status
            for token in (said.json()["feed"]["token"], said.json()["view"]["token"]):
                claims = jwt.decode(token, options={"verify_signature": False})
                assert claims["exp"] <= wall_clock().timestamp() + 62
            assert said.json()["view"]["watch"].endswith(f"#token={said.json()['view']['token']}")
            served.hear("b", BARE)


def test_one_that_has_ended_stays_so_for_a_directory_that_knows_nothing_of_it(tmp_path: Path) -> None:
    with front(tmp_path, [made("b")]) as served:
        served.hear("a", BARE)
        served.hear("a")
        served.directory.restart()
        served.directory.clock.time_ns += YOUNG_NS
        served.hear("b")
        assert revive(served).json()["code"] == "session_moving"  # it may have been on a stage that died with it
        served.directory.clock.time_ns += UNSURE_NS
        served.hear("b")
        assert revive(served).json()["code"] == "no_such_session" and not served.placer.wishes


def test_one_that_was_lost_with_the_directory_comes_back(tmp_path: Path) -> None:
    with front(tmp_path, [made("a")], [made("b")]) as served:
        served.hear("a")
        assert served.client.post("/api/sessions").status_code == 201
        served.directory.away = True
        served.placer.death = StageLost()
        served.placer.end.set()
        wait_until(lambda: served.placer.open == 0)
        served.placer.end.clear()
        served.directory.restart()
        served.directory.clock.time_ns += UNSURE_NS
        served.hear("b")
        served.directory.away = False
        wait_until(lambda: len(served.directory.own._revivable) == 1)
        assert revive(served).status_code == 201


def test_one_whose_front_died_with_stage_and_directory_is_remembered_by_another(tmp_path: Path) -> None:
    with front(tmp_path, [made("b")]) as served:  # it holds no lease of it
        served.hear("a", BARE, OTHER)
        served.hear("c", "9" * 24)
        served.client.get("/api/stages")
        served.directory.away = True
        served.directory.restart()
        served.directory.clock.time_ns += 10 * OLD_NS
        served.client.get("/api/stages")
        served.directory.away = False
        served.hear("c", "9" * 24, OTHER)
        served.client.get("/api/stages")
        served.directory.clock.time_ns += HEARD_NS
        served.hear("c", "9" * 24, OTHER)
        wait_until(lambda: len(served.directory.own._revivable) == 1)
        assert revive(served).status_code == 201
