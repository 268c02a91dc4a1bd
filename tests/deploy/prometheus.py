"""Debian's Prometheus, running, with the project's own configuration."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.paths import ROOT

FOLDER = ROOT / "deploy" / "prometheus"
SCRAPED = "127.0.0.1:9464"
needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")),
    reason="prometheus and promtool are missing: apt-get install prometheus",
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


class Prometheus:
    """Reads a service once a second, from :meth:`start` to :meth:`stop`."""

    def __init__(self, process: subprocess.Popen[bytes], url: str) -> None:
        self._process, self._url = process, url

    @classmethod
    def start(cls, folder: Path, own: dict[str, str], name: str = "prometheus.yml") -> Prometheus:
        """Run with one of the project's configurations; ``own`` says what takes the place of which text in it."""
        port = free_port()
        config = (FOLDER / name).read_text()
        for wanted, given in {"127.0.0.1:9090": f"127.0.0.1:{port}", "15s": "1s", "30s": "1s", **own}.items():
            assert wanted in config or wanted not in own
            config = config.replace(wanted, given)
        (folder / "prometheus.yml").write_text(config)
        for rules in ("alerts.yml", "cluster-alerts.yml"):
            shutil.copy(FOLDER / rules, folder)
        command = [
            "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
        ]  # fmt: skip
        with (folder / "prometheus.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        return cls(process, f"http://127.0.0.1:{port}")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)

    def wait_until_scraped(self, times: int, timeout_s: float = 60) -> None:
        until = time.monotonic() + timeout_s
        while True:
            assert self._process.poll() is None, "prometheus ended"
            assert time.monotonic() < until, "prometheus scraped nothing"
            try:
                found = self.query('count_over_time(up{job="lipwire"}[5m]) and up == 1')
            except OSError:  # it is still starting
                found = []
            if found and float(found[0]["value"][1]) >= times:
                return
            time.sleep(0.2)

    def wait_until(self, expression: str, timeout_s: float = 60) -> None:
        """Wait until an expression gives anything."""
        until = time.monotonic() + timeout_s
        while not self.query(expression):
            assert time.monotonic() < until, f"{expression} shows nothing"
            time.sleep(0.2)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series that an expression gives now; one that is not understood fails."""
        answer = self._get("/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    def rules(self) -> list[dict[str, Any]]:
        return [rule for group in self._get("/api/v1/rules")["data"]["groups"] for rule in group["rules"]]

    def _get(self, path: str) -> Any:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self._url + path, timeout=10) as answer:
            return json.load(answer)
