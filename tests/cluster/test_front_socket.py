"""``/ws`` at the front: nobody speaks here, everybody is told where to."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.websockets import WebSocketDisconnect

from app.cluster.placing import NoPlace
from tests.cluster.fronts import BARE, Front, front, ref
from tests.cluster.placer import refused
from tests.cluster.waiting import wait_until

PLACE = {"place": {"url": "ws://a.example:8100/ws?place=ticket"}}


def told(served: Front, *messages: str | bytes) -> tuple[dict[str, str], int]:
    """Say something, and return the answer and how the socket closed."""
    with served.client.websocket_connect("ws://localhost/ws") as socket:
        for message in messages:
            if isinstance(message, bytes):
                socket.send_bytes(message)
            else:
                socket.send_text(message)
        answer = socket.receive_json()
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    return answer, closed.value.code


def test_who_starts_gets_a_place_on_a_stage(tmp_path: Path) -> None:
    with front(tmp_path, [PLACE]) as served:
        answer, code = told(served, '{"type":"start","avatar":"default","mode":"agent"}')
        assert answer == {"type": "elsewhere", "url": PLACE["place"]["url"]} and code == 4307
        wish = served.placer.wishes[0]
        assert wish["kind"] == "place" and wish["request"]["mode"] == "agent"


def test_who_attaches_is_sent_to_whose_the_session_is(tmp_path: Path) -> None:
    with front(tmp_path) as served:
        served.hear("b", BARE)
        token = served.gate.tokens.issue(BARE, "feed", 60).text
        answer, code = told(served, f'{{"type":"attach","session":"{ref()}","token":"{token}"}}')
        assert answer["url"].startswith("ws://b.example:8100/ws?session=") and code == 4307


@pytest.mark.parametrize(
    ("message", "code", "closes"),
    [
        ('{"type":"attach","session":"x","token":"nonsense"}', "token_invalid", 4401),
        ('{"type":"flush"}', "not_started", 4400),
        ("nonsense", "bad_json", 4400),
        (b"\0\0", "not_started", 4400),
        ('{"type":"start"}', "server_full", 4429),
    ],
)
def test_what_is_wrong_is_said_here(tmp_path: Path, message: str | bytes, code: str, closes: int) -> None:
    with front(tmp_path, [NoPlace()]) as served:
        answer, closed = told(served, message)
        assert (answer["type"], answer["code"], closed) == ("error", code, closes)


def test_a_stages_refusal_and_a_missing_key_are_said_here(tmp_path: Path) -> None:
    with front(tmp_path, [refused("no_such_avatar")]) as served:
        assert told(served, '{"type":"start"}')[1] == 4404
    with front(tmp_path, api_keys=("operator key of this test",)) as served:
        assert told(served, '{"type":"start"}')[0]["code"] == "key_missing"


def test_who_says_nothing_is_closed(tmp_path: Path) -> None:
    with front(tmp_path, start_timeout_s=0.2) as served:
        assert told(served)[0]["code"] == "idle_timeout"


def test_a_session_in_between_is_asked_for_again(tmp_path: Path) -> None:
    with front(tmp_path) as served:
        served.hear("a", BARE)
        served.directory.own.leave("a", died=True)
        token = served.gate.tokens.issue(BARE, "feed", 60).text
        answer, code = told(served, f'{{"type":"attach","session":"{ref()}","token":"{token}"}}')
        assert (answer["code"], code) == ("session_moving", 4429)


def test_a_first_message_has_a_bound_and_what_comes_behind_it_too(tmp_path: Path) -> None:
    with front(tmp_path, []) as served:
        answer, code = told(served, " " * 70_000)
        assert answer["code"] == "message_too_large" and code == 4413
        answer, code = told(served, '{"type":"start"}', *[b"x" * 20_000] * 4)
        assert answer["code"] == "too_many_messages" and code == 4429


def test_nothing_is_placed_for_who_has_gone(tmp_path: Path) -> None:
    with front(tmp_path, []) as served:  # a stage that says nothing
        with served.client.websocket_connect("ws://localhost/ws") as socket:
            socket.send_text('{"type":"start"}')
            wait_until(lambda: served.placer.open == 1)
        wait_until(lambda: served.placer.open == 0)
