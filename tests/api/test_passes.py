"""Passes: what was proven at one address, for another to believe, and for nobody else."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from starlette.requests import Request

from app.access.caller import Caller
from app.access.key import id_of, sum_of
from app.api.auth import Gate
from app.clock import wall_clock
from app.config import Settings
from app.errors import Refusal
from app.session_ref import new_id

SECRET, KEY = "s" * 32, "k" * 40
ID = new_id()
REF = f"{ID}.seal"
PATH = f"/api/sessions/{REF}"


def gate_of(folder: Path, of_stage: bool = True, **more: Any) -> Gate:
    return Gate(Settings(data_dir=folder, token_secret=SECRET, api_keys=(KEY,), **more), of_stage=of_stage)


def asking(path: str, query: str = "", bearer: str = "") -> Request:
    headers = [(b"authorization", f"Bearer {bearer}".encode())] if bearer else []
    scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode(), "headers": headers}
    return Request(scope | {"client": ("192.0.2.1", 1), "state": {}})


def caller() -> Caller:
    return Caller(id_of(sum_of(KEY)))


async def refused(work: Any) -> str:
    with pytest.raises(Refusal) as why:
        await work
    return why.value.code


async def test_a_pass_stands_for_the_key_that_was_seen_for_one_session(tmp_path: Path) -> None:
    gate = gate_of(tmp_path)
    query = "pass=" + gate_of(tmp_path, of_stage=False).pass_for(REF, caller=caller())
    assert await gate.check_key(asking(PATH, query)) == caller()
    assert await gate.check_key_or_token(asking(f"{PATH}/recording", query), REF, "recording") == caller()
    assert await refused(gate.check_key(asking(f"/api/sessions/{new_id()}", query))) == "token_not_for_this"
    for elsewhere in ("/api/sessions/", "/api/avatars", "/api/key", f"/watch/{REF}"):
        assert await refused(gate.check_key(asking(elsewhere, query))) == "key_missing"
    with pytest.raises(Refusal, match="view token"):
        gate.check_bearer(asking(f"/whep/{REF}", query), REF, "view")


async def test_a_pass_stands_for_the_token_that_was_seen(tmp_path: Path) -> None:
    gate = gate_of(tmp_path)
    query = "pass=" + gate.pass_for(REF, role="view")
    gate.check_bearer(asking(f"/whep/{REF}", query), ID, "view")  # whatever its seal
    assert await refused(gate.check_key(asking(PATH, query))) == "key_missing"
    with pytest.raises(Refusal, match="feed token"):
        gate.check_bearer(asking(PATH, query), REF, "feed")
    with pytest.raises(Refusal, match="another session"):
        gate.check_bearer(asking(PATH, query), new_id(), "view")


async def test_a_plain_server_takes_none(tmp_path: Path) -> None:
    plain = gate_of(tmp_path, of_stage=False)
    request = asking(PATH, "pass=" + plain.pass_for(REF, caller=caller()))
    assert await refused(plain.check_key(request)) == "key_missing"
    assert not plain.bears_pass(request) and gate_of(tmp_path).bears_pass(request)
    with pytest.raises(Refusal) as why:
        plain.check_bearer(asking(PATH, "pass=" + plain.pass_for(REF, role="view")), REF, "view")
    assert why.value.code == "token_missing"


async def test_a_foreign_page_gets_nothing_open_by_a_pass_for_something_else(tmp_path: Path) -> None:
    gate = gate_of(tmp_path)
    seen_key, seen_token = gate.pass_for(REF, caller=caller()), gate.pass_for(REF, role="view")
    assert gate.bears_pass(asking(f"{PATH}/tokens", f"pass={seen_key}"))
    for path in ("/api/avatars", "/ws", "/api/sessions", f"/api/sessions/{new_id()}/tokens"):
        assert not gate.bears_pass(asking(path, f"pass={seen_key}"))
    assert not gate.bears_pass(asking(f"{PATH}/interrupt", f"pass={seen_token}"))  # who may watch is anybody


async def test_what_was_not_made_here_or_long_ago_is_refused(tmp_path: Path) -> None:
    gate = gate_of(tmp_path)
    good = gate.pass_for(REF, caller=caller())
    claims = {"sub": ID, "aud": "stage", "caller": caller().id}

    def signed(**more: Any) -> str:
        later = wall_clock() + timedelta(seconds=20)
        return jwt.encode({**claims, "exp": later, **more}, SECRET, "HS256")

    assert await gate.check_key(asking(PATH, "pass=" + signed())) == caller()
    for bad, code in (
        (good[:-2], "token_invalid"),
        (good + "A" * 2000, "token_invalid"),
        (signed(aud="another"), "token_invalid"),
        (signed(exp=wall_clock() - timedelta(seconds=1)), "token_expired"),
        (jwt.encode({**claims, "exp": 4102444800}, SECRET + "!", "HS256"), "token_invalid"),
        (jwt.encode({"sub": ID, "aud": "stage", "caller": "x"}, SECRET, "HS256"), "token_invalid"),  # for ever
        (gate.tokens.issue(ID, "view", 60).text, "token_invalid"),
        (signed(caller=""), "token_not_for_this"),
        (signed(caller="nobody"), "key_revoked"),
    ):
        assert await refused(gate.check_key(asking(PATH, f"pass={bad}"))) == code
        assert not gate.bears_pass(asking(PATH, f"pass={bad}")) or code == "key_revoked"
    with pytest.raises(Refusal) as why:
        gate.tokens.check(good, ID, "view")  # nor is a pass a token
    assert why.value.code == "token_invalid"


async def test_what_a_request_proves_is_what_its_pass_says(tmp_path: Path) -> None:
    gate = gate_of(tmp_path)
    for bearer, role in (
        (gate.tokens.issue(ID, "view", 60).text, "view"),
        (gate.tokens.issue(ID, "feed", 60).text, "feed"),
    ):
        made = await gate.pass_of(asking(PATH, bearer=bearer), REF)
        gate.check_bearer(asking(PATH, f"pass={made}"), REF, role)  # type: ignore[arg-type]
    made = await gate.pass_of(asking(PATH, bearer=KEY), REF)
    assert await gate.check_key(asking(PATH, f"pass={made}")) == caller()
    assert await gate.pass_of(asking(PATH, f"pass={made}"), REF) == made  # sent on once more, and no longer good for it
    assert await gate.pass_of(asking(PATH), REF) is None
    for wrong, code in (
        ("x" * 40, "key_invalid"),
        ("eyJx", "token_invalid"),
        (gate.tokens.issue(new_id(), "view", 60).text, "token_not_for_this"),
    ):
        assert await refused(gate.pass_of(asking(PATH, bearer=wrong), REF)) == code


async def test_a_wrong_key_beside_a_pass_counts(tmp_path: Path) -> None:
    gate = gate_of(tmp_path)
    query = "pass=" + gate.pass_for(REF, caller=caller())
    assert await refused(gate.check_key(asking(PATH, query, bearer="x" * 40))) == "key_invalid"
