from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from app.api.metrics import MetricsPage
from app.config import Settings, SettingsError
from app.main import create_app
from app.server import check_ports
from app.sessions.service import Service
from app.tallies import MOST_VALUES, Tally

KEY = {"Authorization": "Bearer one"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"), api_keys=("one",))
    with TestClient(create_app(Service(settings)), raise_server_exceptions=False) as client:
        yield client


def values(page: str) -> dict[str, float]:
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def test_where_there_are_keys_the_page_wants_one(client: TestClient) -> None:
    refused = client.get("/metrics")
    assert (refused.status_code, refused.json()["code"]) == (401, "key_missing")
    assert "lipwire" not in client.get("/metrics", headers={"Authorization": "Bearer two"}).json()["detail"]
    assert "lipwire_sessions 0.0" in client.get("/metrics", headers=KEY).text


def test_a_port_of_its_own_wants_no_key_and_is_the_only_one(tmp_path: Path) -> None:
    port = free_port()
    settings = Settings(data_dir=tmp_path, api_keys=("one",), metrics_port=port)
    with TestClient(create_app(Service(settings)), raise_server_exceptions=False) as client:
        assert client.get("/metrics", headers=KEY).status_code == 404
        page = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False)
        assert page.status_code == 200 and "lipwire_sessions 0.0" in page.text
        assert httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).status_code == 404
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False)


def test_a_session_is_counted_and_named_nowhere(client: TestClient) -> None:
    before = values(client.get("/metrics", headers=KEY).text)
    made = client.post("/api/sessions", headers=KEY, json={"engine": "clapper"}).json()["id"]
    page = client.get("/metrics", headers=KEY).text
    during = values(page)
    assert made not in page and "session=" not in page
    assert during["lipwire_sessions[]"] == before["lipwire_sessions[]"] + 1
    assert during["lipwire_sessions_opened_total[]"] == before["lipwire_sessions_opened_total[]"] + 1
    assert set(before) == set(during), "no series comes with a session"
    assert client.delete(f"/api/sessions/{made}", headers=KEY).status_code == 204
    assert values(client.get("/metrics", headers=KEY).text)["lipwire_sessions[]"] == before["lipwire_sessions[]"]


def test_refusals_are_counted_by_door_and_code(client: TestClient) -> None:
    def count(door: str, code: str) -> float:
        return values(client.get("/metrics", headers=KEY).text)[
            f"lipwire_refusals_total{sorted({'door': door, 'code': code}.items())}"
        ]

    before = count("http", "no_such_session"), count("ws", "key_invalid")
    client.get("/api/sessions/none", headers=KEY)
    with client.websocket_connect("ws://localhost/ws") as door:
        door.send_json({"type": "start", "key": "two"})
        assert door.receive_json()["code"] == "key_invalid"
        assert door.receive()["code"] == 4401
    assert (count("http", "no_such_session"), count("ws", "key_invalid")) == (before[0] + 1, before[1] + 1)


def test_what_an_operator_needs_is_there(client: TestClient) -> None:
    page = client.get("/metrics", headers=KEY).text
    found = values(page)
    assert found["lipwire_data_free_bytes[]"] > 0 and found["lipwire_data_size_bytes[]"] > 0
    assert found["process_start_time_seconds[]"] <= time.time()
    assert found["process_open_fds[]"] > 0 and found["process_resident_memory_bytes[]"] > 1e6
    assert found["lipwire_sessions_limit[]"] == 8 and found["lipwire_cores[]"] >= 1
    assert re.search(r'lipwire_build_info\{version="[\d.]+', page)
    assert "_created" not in page


def test_a_disk_that_does_not_answer_keeps_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def hang(path: Path) -> None:
        asked.append(path)
        time.sleep(1.5)
        raise OSError("gone")

    with TestClient(create_app(Service(Settings(data_dir=tmp_path)))) as client:
        monkeypatch.setattr("app.free_disk.PATIENCE_S", 0.05)
        monkeypatch.setattr("app.free_disk.shutil.disk_usage", hang)
        for _ in range(3):
            assert "lipwire_data_free_bytes NaN" in client.get("/metrics").text
        assert len(asked) == 1, "one thread waits for it, not one each time"


def test_clients_make_no_series() -> None:
    tally = Tally("x", "x", ("code",))
    for number in range(10 * MOST_VALUES):
        tally.note(f"made up {number}")
    counts = tally.counts()
    assert len(counts) <= MOST_VALUES + 1 and sum(counts.values()) == 10 * MOST_VALUES
    assert counts[("other",)] == 9 * MOST_VALUES


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is missing: apt-get install prometheus")
def test_names_and_help_are_as_prometheus_wants_them(client: TestClient) -> None:
    page = client.get("/metrics", headers=KEY).text
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_docs_list_every_family(tmp_path: Path) -> None:
    from tools.metrics_table import PAGE, with_table

    page = PAGE.read_text()
    assert with_table(page, MetricsPage(Service(Settings(data_dir=tmp_path)))) == page, (
        "run: python -m tools.metrics_table"
    )


def test_a_port_that_cannot_be_used_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for settings, said in (
            (Settings(data_dir=tmp_path, port=0, metrics_port=port), "set LIPWIRE_METRICS_PORT to a free port"),
            (Settings(data_dir=tmp_path, port=7, metrics_port=7), "another than LIPWIRE_PORT"),
        ):
            with pytest.raises(SettingsError, match=said):
                check_ports(settings)
