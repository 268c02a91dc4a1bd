"""Requests made from ``/openapi.json``, right and wrong ones, against the real server: with a key, without, and where
none is needed. None breaks it, none gets in without a right, and what is answered is what is described.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from unittest import SkipTest

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode, Response
from schemathesis.checks import load_all_checks
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.assets import DEFAULT_PICTURE
from tests.server import Server

pytestmark = pytest.mark.realtime

KEY = "sesame-" * 6
EXAMPLES = 20  # an operation and server
# the same requests every time, and no time limit: a busy machine finds what a quiet one does
STEADY = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
DESCRIBED = [
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
PUBLIC = {
    "/healthz",
    "/readyz",
    "/api/engines",
    "/api/site",
    "/api/voices",
}  # of a server with keys: what says nothing about anybody
SHUT = (400, 401, 403, 404, 429)  # 400: what is no request at all is said before who asks is looked at

load_all_checks()


@schemathesis.serializer("application/sdp", "application/trickle-ice-sdpfrag")
def as_sdp(context: object, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from _served(tmp_path_factory, "open")


@pytest.fixture(scope="module")
def keyed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from _served(tmp_path_factory, "keyed", api_keys=KEY)


def _served(factory: pytest.TempPathFactory, name: str, api_keys: str = "") -> Iterator[Server]:
    server = Server.start(factory.mktemp(name), idle_timeout_s="5", api_keys=api_keys)
    yield server
    server.stop()
    log = server.log.read_text()
    assert "Traceback" not in log, log[log.index("Traceback") - 300 :][:3000]


def test_an_open_server_answers_as_it_says(open_server: Server) -> None:
    _tried(open_server, _answered_as_described)


def test_a_server_with_keys_answers_as_it_says_to_who_has_one(keyed_server: Server) -> None:
    _tried(keyed_server, _answered_as_described, Authorization=f"Bearer {KEY}")


def test_nobody_gets_in_without_a_key(keyed_server: Server) -> None:
    def stays_out(case: Case[Any], answer: Response) -> None:
        _answered_as_described(case, answer)
        if case.operation.path == "/api/avatars" and answer.status_code == 200:
            assert [each["id"] for each in answer.json()["avatars"]] == ["default"], "everybody's, and nobody's own"
        elif case.operation.path not in PUBLIC and case.method.upper() != "OPTIONS":
            assert answer.status_code in SHUT, f"{case.as_curl_command()}: {answer.status_code} {answer.text[:200]}"

    own = httpx.post(
        f"{keyed_server.url}/api/avatars",
        files={"image": ("own.png", DEFAULT_PICTURE.read_bytes(), "image/png")},
        headers={"Authorization": f"Bearer {KEY}"},
        trust_env=False,
        timeout=60,
    )
    assert own.status_code == 201
    _tried(keyed_server, stays_out)


def _tried(server: Server, judge: Callable[[Case[Any], Response], None], **headers: str) -> None:
    """Send requests of every operation; judge each answer. Every operation's first fault is told."""
    described = httpx.get(f"{server.url}/openapi.json", trust_env=False).json()
    faults, operations = [], 0
    for found in schemathesis.openapi.from_dict(described).get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        operations += 1

        @STEADY
        @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
        def sound(case: Case[Any]) -> None:
            judge(case, case.call(base_url=server.url, headers=headers))

        @STEADY
        @given(case=operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
        def unsound(case: Case[Any]) -> None:
            judge(case, case.call(base_url=server.url, headers=headers))

        for tried in (sound, unsound):
            try:
                tried()
            except (AssertionError, FailureGroup) as fault:
                shown = fault.exceptions if isinstance(fault, FailureGroup) else [fault]
                faults.append(f"{operation.label}: " + " | ".join(map(str, shown))[:1500])
            except (Unsatisfiable, SkipTest):
                continue  # nothing of the kind can be made of this operation
    assert operations > 20
    assert not faults, "\n\n".join(faults)


def _answered_as_described(case: Case[Any], answer: Response) -> None:
    assert answer.status_code != 500, f"{case.as_curl_command()}: {answer.text[:300]}"
    case.validate_response(answer, checks=DESCRIBED)
