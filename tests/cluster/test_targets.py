"""Stages, as Prometheus finds them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from app.cluster.targets import targets, write_targets
from app.cluster.tell_targets import tell_targets
from app.config import Settings

KEY = "a key of more than thirty-two letters"

FIRST = {"id": "a1", "url": "http://10.0.0.7:8100", "places": 8}
SECOND = {"id": "b2", "url": "https://b.stages.example.org:8101", "places": 8}
SIXTH = {"id": "c3", "url": "http://[fd00::7]:8102", "places": 8}


def test_a_stage_is_found_where_it_listens() -> None:
    assert targets([SECOND, FIRST, SIXTH]) == [
        {"targets": ["10.0.0.7:8100"], "labels": {"replica": "a1", "node": "10.0.0.7"}},
        {
            "targets": ["b.stages.example.org:8101"],
            "labels": {"replica": "b2", "node": "b.stages.example.org", "__scheme__": "https"},
        },
        {"targets": ["[fd00::7]:8102"], "labels": {"replica": "c3", "node": "fd00::7"}},
    ]
    assert targets([]) == []


def test_the_file_is_replaced_whole_and_may_be_read_by_another_user(tmp_path: Path) -> None:
    file = tmp_path / "stages.json"
    write_targets(file, [FIRST])
    write_targets(file, [FIRST, SECOND])
    assert [each["labels"]["replica"] for each in json.loads(file.read_text())] == ["a1", "b2"]
    assert file.stat().st_mode & 0o777 == 0o644 and list(tmp_path.iterdir()) == [file]


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    file = tmp_path / "stages.json"
    write_targets(file, [FIRST])
    before = file.read_text()
    with pytest.raises(KeyError):
        write_targets(file, [{"url": "http://10.0.0.7:8100"}])
    assert file.read_text() == before and list(tmp_path.iterdir()) == [file]


class Front:
    """Says which stages there are to who has the key, for as long as it is there."""

    def __init__(self) -> None:
        said = json.dumps({"front": "1", "stages": [FIRST, SECOND]}).encode()

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                is_known = self.headers["Authorization"] == f"Bearer {KEY}" and self.path == "/api/stages"
                self.send_response(200 if is_known else 401)
                self.end_headers()
                self.wfile.write(said if is_known else b'{"detail": "not you"}')

            def log_message(self, *said: object) -> None:
                """Say nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, name="front")
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def front() -> Iterator[Front]:
    made = Front()
    try:
        yield made
    finally:
        made.close()


def test_a_front_is_asked_with_the_operators_key(
    front: Front, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(front_url=front.url, api_keys=(KEY,))
    assert tell_targets(settings, None, None) == 0
    assert [each["labels"]["replica"] for each in json.loads(capsys.readouterr().out)] == ["a1", "b2"]
    assert tell_targets(settings, tmp_path / "stages.json", None) == 0
    assert len(json.loads((tmp_path / "stages.json").read_text())) == 2
    assert tell_targets(Settings(front_url=front.url), None, None) == 2
    assert "not you" in capsys.readouterr().err


def test_while_no_front_answers_the_file_stays_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "stages.json"
    write_targets(file, [FIRST])
    assert tell_targets(Settings(front_url="http://127.0.0.1:9"), file, None) == 2
    assert "no front" in capsys.readouterr().err and "a1" in file.read_text()
