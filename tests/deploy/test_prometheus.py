"""The alert rules and the dashboard, against Debian's Prometheus reading a service that runs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import websockets.sync.client

from app.cluster.targets import write_targets
from tests.deploy.dashboard import expressions
from tests.deploy.prometheus import FOLDER, SCRAPED, Prometheus, free_port, needs_prometheus
from tests.server import Server

SELECTOR = re.compile(r"[a-z]\w*\{[^}]*\}")
KEY = "a key of more than thirty-two letters"
SOUND = (np.sin(np.arange(48_000) / 5) * 8000).astype(np.int16).tobytes()

pytestmark = needs_prometheus


def promtool(*arguments: str, cwd: Path = FOLDER) -> str:
    done = subprocess.run(["promtool", *arguments], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_configuration_and_rules_are_valid(tmp_path: Path) -> None:
    promtool("check", "config", "prometheus.yml")
    promtool("check", "rules", "--lint=all", "--lint-fatal", "alerts.yml")
    with_key = (
        (FOLDER / "prometheus.yml").read_text().replace("    # ", "    ").replace("/etc/prometheus", str(tmp_path))
    )
    assert "credentials_file" in with_key
    (tmp_path / "prometheus.yml").write_text(with_key)
    (tmp_path / "lipwire-key").write_text("one")
    shutil.copy(FOLDER / "alerts.yml", tmp_path)
    promtool("check", "config", "prometheus.yml", cwd=tmp_path)


def test_each_alert_comes_when_it_should_and_none_where_all_is_well() -> None:
    promtool("test", "rules", "alerts_test.yml")
    alerts = re.findall(r"alert: (\w+)", (FOLDER / "alerts.yml").read_text())
    tested = re.findall(r'alertname="(\w+)"', (FOLDER / "alerts_test.yml").read_text())
    assert len(alerts) > 10 and alerts == tested


def test_an_alert_that_never_comes_is_found(tmp_path: Path) -> None:
    rules = (FOLDER / "alerts.yml").read_text()
    assert rules.count("[5m])) > 1\n") == 1
    (tmp_path / "alerts.yml").write_text(rules.replace("[5m])) > 1\n", "[5m])) > 1000\n"))
    shutil.copy(FOLDER / "alerts_test.yml", tmp_path)
    done = subprocess.run(
        ["promtool", "test", "rules", "alerts_test.yml"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode != 0 and "LipwireFlooded" in done.stdout + done.stderr


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus, after it has read a service for a while in which a face spoke."""
    port = free_port()
    server = Server.start(tmp_path_factory.mktemp("server"), metrics_port=str(port), engine="clapper")
    prometheus = Prometheus.start(tmp_path_factory.mktemp("prometheus"), {SCRAPED: f"127.0.0.1:{port}"})
    try:
        prometheus.wait_until_scraped(1)
        speak(server)
        prometheus.wait_until_scraped(8)
        yield prometheus
    finally:
        prometheus.stop()
        server.stop()


def speak(server: Server) -> None:
    wish = json.dumps({"engine": "clapper", "mode": "clip"}).encode()
    request = urllib.request.Request(f"{server.url}/api/sessions", wish, {"Content-Type": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
        made = json.load(answer)
    with websockets.sync.client.connect(made["feed"]["url"]) as feed:
        attach = {"type": "attach", "session": made["id"], "token": made["feed"]["token"], "sample_rate": 16_000}
        feed.send(json.dumps(attach))
        feed.send(SOUND)
        feed.send(json.dumps({"type": "flush"}))
        while json.loads(feed.recv(30)).get("state") != "finished":
            pass


@pytest.mark.realtime
def test_all_that_alerts_ask_for_is_there(watched: Prometheus) -> None:
    rules = watched.rules()
    assert len(rules) > 10
    for rule in rules:
        assert (rule["health"], rule.get("lastError", "")) in (("ok", ""), ("unknown", "")), rule
        selectors = SELECTOR.findall(rule["query"])
        assert selectors
        for selector in selectors:
            assert watched.query(f"count({selector})"), f"{rule['name']} asks for {selector}, which is not there"
    firing = [rule["name"] for rule in rules if rule["state"] == "firing"]
    assert firing == []


@pytest.mark.realtime
def test_all_that_the_dashboard_asks_for_is_there(watched: Prometheus) -> None:
    asked = expressions()
    assert len(asked) > 40
    for title, expression in asked:
        assert watched.query(expression), f"{title}: {expression} shows nothing"


@pytest.mark.realtime
def test_stages_are_told_after_a_face_spoke(watched: Prometheus) -> None:
    assert float(watched.query('sum(lipwire_stage_seconds_count{job="lipwire"})')[0]["value"][1]) >= 50


def test_the_clusters_configuration_and_rules_are_valid(tmp_path: Path) -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", "cluster-alerts.yml")
    for name in ("alerts.yml", "cluster-alerts.yml"):
        shutil.copy(FOLDER / name, tmp_path)
    (tmp_path / "lipwire-key").write_text("one")
    config = (
        (FOLDER / "cluster.yml").read_text().replace("    # tls", "    tls").replace("    #   server", "      server")
    )
    assert "\n      server_name:" in config
    (tmp_path / "cluster.yml").write_text(config.replace("/etc/prometheus", str(tmp_path)))
    promtool("check", "config", "cluster.yml", cwd=tmp_path)


def test_each_alert_of_a_cluster_comes_when_it_should_and_none_where_all_is_well() -> None:
    promtool("test", "rules", "cluster-alerts_test.yml")
    alerts = re.findall(r"alert: (\w+)", (FOLDER / "cluster-alerts.yml").read_text())
    tested = re.findall(r'\{alertname="(\w+)"', (FOLDER / "cluster-alerts_test.yml").read_text())
    assert len(alerts) > 3 and alerts == tested


@pytest.mark.realtime
def test_stages_are_found_in_the_file_and_told_apart(tmp_path: Path) -> None:
    """Two servers with keys stand for stages; one of them is found only after a while, as stages come and go."""
    servers = []
    try:
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            servers.append(Server.start(tmp_path / name, engine="clapper", api_keys=KEY))
        cards = [
            {"stage": f"stage-{number}", "url": "https://x", "inner": each.url} for number, each in enumerate(servers)
        ]
        stages = tmp_path / "lipwire-stages.json"
        write_targets(stages, cards[:1])
        (tmp_path / "lipwire-key").write_text(KEY)
        prometheus = Prometheus.start(tmp_path, {"/etc/prometheus": str(tmp_path)}, "cluster.yml")
        try:
            prometheus.wait_until_scraped(1)
            assert [each["metric"]["replica"] for each in prometheus.query('up{job="lipwire"} == 1')] == ["stage-0"]
            write_targets(stages, cards)
            prometheus.wait_until('count(up{job="lipwire"} == 1) == 2')
            places = prometheus.query("lipwire_sessions_limit")
            assert {each["metric"]["replica"] for each in places} == {"stage-0", "stage-1"}
            assert {each["metric"]["node"] for each in places} == {"127.0.0.1"}
            assert prometheus.query("count(lipwire_stage_seconds_count) by (stage)"), "our own label is not renamed"
            assert not prometheus.query('{__name__=~"lipwire.*", exported_stage!=""}')
            for rule in prometheus.rules():
                assert (rule["health"], rule.get("lastError", "")) in (("ok", ""), ("unknown", "")), rule
            write_targets(stages, cards[1:])
            prometheus.wait_until('count(up{job="lipwire"}) == 1')
            assert prometheus.query("prometheus_sd_file_mtime_seconds"), "the alert for an old file can come"
        finally:
            prometheus.stop()
    finally:
        for server in servers:
            server.stop()
