"""Stages behind one name: what clients are told is that name, and no two addresses lead to each other for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app.cluster.lease import Item
from app.cluster.seals import Owner, Seals
from app.cluster.stage_server import StageServer
from app.session_ref import bare
from tests.client import Client
from tests.cluster.stages import SECRET, Holder, let_all_in, running, settings_for, until, wish

pytestmark = pytest.mark.realtime

NAME = "https://faces.example.org"
SEALS = Seals(SECRET)


@pytest.fixture(autouse=True)
def roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    let_all_in(monkeypatch)


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[list[StageServer]]:
    async with running(settings_for(tmp_path, stage_url=NAME, front_url=NAME), "a", "b") as stages:
        yield stages


@pytest.fixture
async def holder() -> AsyncIterator[Holder]:
    async with Holder() as holding:
        yield holding


def site_of(stage: StageServer) -> str:
    return str(stage.card()["url"])


async def test_a_reference_says_which_stage_and_clients_are_told_the_name(
    pair: list[StageServer], holder: Holder
) -> None:
    sites = [site_of(stage) for stage in pair]
    assert len(set(sites)) == 2 and all(site.startswith("http://127.0.0.1:") for site in sites)
    for stage, site in zip(pair, sites, strict=True):
        made = await holder.make(stage, site=NAME)
        assert SEALS.open(made["id"]).url == site and "127.0.0.1" not in str(made)
        assert made["feed"]["url"] == f"wss://faces.example.org/ws?session={made['id']}"
        assert made["view"]["whep"] == f"{NAME}/whep/{made['id']}"
        first, _ = await holder.ask(stage, wish("place", mode="live"))
        (ticket,) = parse_qs(urlsplit(first["place"]["url"]).query)["place"]
        assert first["place"]["url"].startswith("wss://faces.example.org/ws?place=")
        assert SEALS.open(ticket).url == site, "the proxy learns of it whose it is"


async def test_a_session_that_has_moved_is_at_the_same_name_under_its_new_reference(
    pair: list[StageServer], holder: Holder
) -> None:
    one, other = pair
    made = await holder.make(one)

    async def place(asked: Item) -> Item | None:
        first, _ = await holder.ask(other, asked)
        found: Item | None = first.get("made")
        return found

    at = site_of(one)
    await asyncio.wait_for(one.drain(60, place), 60)
    await until(lambda: bool(other.card()["sessions"]))
    twin = other.card()["sessions"][0]["ref"]
    assert bare(twin) == bare(made["id"]) and twin != made["id"]
    async with httpx.AsyncClient() as http:
        sent = await http.get(f"{at}/api/sessions/{made['id']}?a=b")
        location = urlsplit(sent.headers["location"])
        assert (sent.status_code, f"{location.scheme}://{location.netloc}") == (307, NAME)
        assert location.path == f"/api/sessions/{twin}" and location.query.startswith("a=b")
        sent = await http.post(f"{at}/whep/{made['id']}", headers={"Authorization": f"Bearer {made['view']['token']}"})
        assert sent.headers["location"].startswith(f"{NAME}/whep/{twin}")
    async with Client(at.replace("http", "ws") + "/ws") as feeder:
        await feeder.say("attach", session=made["id"], token=made["feed"]["token"])
        assert (await feeder.expect("elsewhere"))["url"] == f"wss://faces.example.org/ws?session={twin}"


async def test_a_stage_that_was_started_anew_at_the_same_address_sends_nobody_to_itself(
    pair: list[StageServer], holder: Holder
) -> None:
    site = site_of(pair[0])
    gone = f"{'0' * 24}.{SEALS.seal(Owner(site, 'before'))}"
    async with httpx.AsyncClient() as http:
        told = await http.get(f"{site}/api/sessions/{gone}")
        assert told.headers["x-accel-redirect"] == "@front", "by which nginx asks who may know it"
    async with Client(site.replace("http", "ws") + "/ws") as feeder:
        await feeder.say("attach", session=gone, token="of nobody")
        assert (await feeder.expect("elsewhere"))["url"] == "wss://faces.example.org/ws", "no stage's"
