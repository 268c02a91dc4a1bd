"""Who is told where a stage listens."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.cluster.owners_route import OWNER, PATH, owner_routes

INNER = "http://10.0.0.7:8103"


def asked(reference: str, client: str = "10.0.0.2", trusted: str = "10.0.0.0/30", **headers: str) -> tuple[int, str]:
    """Ask as a client at an address; returns the status and the owner."""
    app = FastAPI()
    app.include_router(owner_routes({"good": INNER}.get, [trusted]))
    with TestClient(app, client=(client, 50_000)) as visitor:
        answer = visitor.get(PATH, params={"ref": reference}, headers=headers)
    return answer.status_code, answer.headers.get(OWNER, "")


def test_a_trusted_proxy_is_told_the_owner_and_of_a_forged_reference_nothing() -> None:
    assert asked("good") == (204, INNER)
    assert asked("forged") == asked("") == (204, "")


@pytest.mark.parametrize("client", ["10.0.0.9", "203.0.113.5", "testclient"])
def test_nobody_else_is(client: str) -> None:
    assert asked("good", client) == (404, "")


def test_nor_who_asks_through_the_proxy_whatever_it_says_of_itself() -> None:
    assert asked("good", **{"X-Forwarded-For": "10.0.0.2"}) == (404, "")
    assert asked("good", client="203.0.113.5", **{"X-Forwarded-For": "10.0.0.2"}) == (404, "")


def test_an_answer_may_be_kept_and_none_of_a_forged_reference() -> None:
    app = FastAPI()
    app.include_router(owner_routes({"good": INNER}.get, ["10.0.0.2"]))
    with TestClient(app, client=("10.0.0.2", 50_000)) as visitor:
        assert visitor.get(PATH, params={"ref": "good"}).headers["cache-control"] == "max-age=86400"
        assert visitor.get(PATH, params={"ref": "forged"}).headers["cache-control"] == "no-store"


def test_it_is_not_described_to_anybody() -> None:
    app = FastAPI()
    app.include_router(owner_routes(lambda reference: None, []))
    assert PATH not in app.openapi()["paths"]
