from __future__ import annotations

import json
import re

import pytest

from app.api.client_messages import (
    MAX_TEXT_BYTES,
    FlushMessage,
    InterruptMessage,
    ListeningMessage,
    MoodMessage,
    OfferMessage,
    SayMessage,
    StartMessage,
    StopMessage,
    parse,
)
from app.api.close_codes import BAD_MESSAGE, TOO_LARGE, close_code_of
from app.api.ice_servers import IceServerModel
from app.api.problems import OF_OUTPUTS
from app.api.server_messages import message_of
from app.errors import Refusal
from app.sessions.events import Failed, Interrupted, Marked, Speaking, Stats, Told, ViewersChanged
from tests.paths import ROOT


def test_every_message_is_read() -> None:
    assert parse('{"type":"flush"}') == FlushMessage(type="flush")
    assert parse('{"type":"interrupt"}') == InterruptMessage(type="interrupt")
    assert parse('{"type":"stop"}') == StopMessage(type="stop")
    assert parse('{"type":"say","text":"Hi.","voice":"de"}') == SayMessage(type="say", text="Hi.", voice="de")
    assert parse('{"type":"mood","name":"warm"}') == MoodMessage(type="mood", name="warm", strength=1, when="now")
    assert parse('{"type":"mood","name":"sorry","strength":0.5,"when":"words"}') == MoodMessage(
        type="mood", name="sorry", strength=0.5, when="words"
    )
    assert parse('{"type":"listening","state":"nod"}') == ListeningMessage(type="listening", state="nod", levels=[])
    heard = parse('{"type":"listening","levels":[-20,-31.5]}')
    assert heard == ListeningMessage(type="listening", state=None, levels=[-20.0, -31.5])
    assert parse('{"type":"offer","sdp":"v=0"}') == OfferMessage(type="offer", sdp="v=0")
    start = parse(
        '{"type":"start","avatar":"a1","engine":"portrait","mode":"clip","sample_rate":16000,'
        '"channels":2,"encoding":"pcm_f32le"}'
    )
    assert isinstance(start, StartMessage)
    assert (start.avatar, start.engine, start.mode) == ("a1", "portrait", "clip")
    assert (start.sample_rate, start.channels, start.encoding) == (16_000, 2, "pcm_f32le")


def test_start_has_the_documented_defaults() -> None:
    assert parse('{"type":"start"}') == StartMessage(
        type="start", avatar="default", engine="auto", mode="live",
        sample_rate=48_000, channels=1, encoding="pcm_s16le",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad_json"),
        ("hello", "bad_json"),
        ("[]", "bad_json"),
        ('"start"', "bad_json"),
        ("{}", "unknown_type"),
        ('{"type":"dance"}', "unknown_type"),
        ('{"type":7}', "unknown_type"),
        ('{"type":"offer"}', "bad_field"),
        ('{"type":"mood"}', "bad_field"),
        ('{"type":"mood","name":"%s"}' % ("x" * 65), "bad_field"),
        ('{"type":"mood","name":"warm","strength":1.1}', "bad_field"),
        ('{"type":"mood","name":"warm","strength":-1}', "bad_field"),
        ('{"type":"mood","name":"warm","strength":"much"}', "bad_field"),
        ('{"type":"mood","name":"warm","when":"later"}', "bad_field"),
        ('{"type":"listening","state":"dance"}', "bad_field"),
        ('{"type":"listening","levels":[-20,"loud"]}', "bad_field"),
        ('{"type":"listening","levels":[-1e9]}', "bad_field"),
        ('{"type":"listening","levels":[NaN]}', "bad_field"),
        (json.dumps({"type": "listening", "levels": [-20] * 51}), "bad_field"),
        ('{"type":"say"}', "bad_field"),
        ('{"type":"say","text":7}', "bad_field"),
        ('{"type":"say","text":"Hi.","voice":""}', "bad_field"),
        ('{"type":"offer","sdp":7}', "bad_field"),
        ('{"type":"start","mode":"fast"}', "bad_field"),
        ('{"type":"start","sample_rate":7999}', "bad_field"),
        ('{"type":"start","sample_rate":96001}', "bad_field"),
        ('{"type":"start","sample_rate":"48000"}', "bad_field"),
        ('{"type":"start","channels":0}', "bad_field"),
        ('{"type":"start","channels":3}', "bad_field"),
        ('{"type":"start","encoding":"mp3"}', "bad_field"),
        ('{"type":"start","avatar":7}', "bad_field"),
        ('{"type":"start","next_utterance":0}', "bad_field"),
        ('{"type":"start","next_utterance":1000000001}', "bad_field"),
        ('{"type":"attach","session":"%s","token":"x"}' % ("x" * 257), "bad_field"),
    ],
)
def test_what_is_wrong_is_named(text: str, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse(text)
    assert (caught.value.code, close_code_of(caught.value)) == (code, BAD_MESSAGE)
    assert len(caught.value.message) > 20


def test_a_bad_field_is_called_by_its_name() -> None:
    with pytest.raises(Refusal, match="sample_rate"):
        parse('{"type":"start","sample_rate":1}')


def test_a_huge_text_is_refused_unread() -> None:
    with pytest.raises(Refusal) as caught:
        parse(json.dumps({"type": "offer", "sdp": "x" * MAX_TEXT_BYTES}))
    assert (caught.value.code, close_code_of(caught.value)) == ("message_too_large", TOO_LARGE)


def test_the_close_codes_are_those_of_the_protocols_page_and_none_is_missing() -> None:
    page = (ROOT / "docs" / "protocol.md").read_text()
    rows = re.findall(r"^\| (4\d{3})[^|]*\| (.*) \|$", page, re.MULTILINE)
    listed = {name: int(close) for close, names in rows for name in re.findall(r"`([a-z_]+)`", names)}
    assert {name: close_code_of(Refusal(name, "")) for name in listed} == listed
    raised = re.compile(r"""(?:Refusal|super\(\).__init__)\(\s*"([a-z_]+)",""")
    folders = (ROOT / "app" / folder for folder in ("sessions", "rtc"))
    sources = [path for folder in folders for path in folder.glob("*.py") if path.name != "recordings.py"]
    sources += [ROOT / "app" / "avatars" / "damage.py", ROOT / "app" / "access" / "key_ring.py"]
    sources += [
        ROOT / "app" / "api" / name
        for name in ("auth.py", "tokens.py", "passes.py", "socket.py", "media_wait.py", "client_messages.py")
    ]
    sources += [ROOT / "app" / "objects" / "faults.py", ROOT / "app" / "cluster" / "whereabouts.py"]
    sources += [ROOT / "app" / "inference" / "mood.py"]
    codes = {code for path in sources for code in raised.findall(path.read_text())} - set(OF_OUTPUTS)
    fetching, framing = {"disk_full", "disk_unusable"}, {"mask_unsure", "framing_of_video"}  # an avatar's
    assert codes | fetching | framing == listed.keys()


def test_every_reason_not_to_speak_a_text_is_on_the_protocols_page() -> None:
    page = (ROOT / "docs" / "protocol.md").read_text()
    section = page.split("## Why a text was not spoken")[1].split("\n## ")[0]
    raised = re.compile(r"""Refusal\(\s*"([a-z_]+)",""")
    raised_in = re.compile(r"""_refusals\("([a-z_]+)",""")
    sources = [path.read_text() for path in (ROOT / "app" / "speech").glob("*.py")]
    codes = {code for source in sources for code in raised.findall(source) + raised_in.findall(source)}
    assert codes == set(re.findall(r"`([a-z]+_[a-z_]+)`", section)) - {"say_failed"}


STATS = Stats(
    fps=25.0,
    slots=0,
    played_ms=0,
    delay_ms=None,
    pending=0,
    buffer_a=0,
    buffer_a_limit=0,
    buffer_b=0,
    holds=0,
    underruns=0,
    gaps=0,
    drops=0,
    missed=0,
    unsent=0,
    repeats=0,
    rest_repeats=0,
    rest_late=0,
)


def test_events_are_said_as_documented() -> None:
    speaking = {"type": "speaking", "utterance": "u"}
    begins = {**speaking, "seq": 3, "state": "started", "played_ms": 0, "interrupted": False}
    assert message_of(Told(3, Speaking(True, "u", 0, False))).model_dump() == begins
    ends = {**speaking, "seq": 4, "state": "finished", "played_ms": 80, "interrupted": True}
    assert message_of(Told(4, Speaking(False, "u", 80, True))).model_dump() == ends
    cut = {"type": "interrupted", "seq": 5, "utterance": None, "played_ms": 0, "session_played_ms": 7, "answers": 1}
    assert message_of(Told(5, Interrupted(None, 0, 7))).model_dump() == cut
    assert message_of(Told(6, Marked("m"))).model_dump() == {"type": "mark", "seq": 6, "id": "m"}
    assert message_of(Told(7, ViewersChanged(2))).model_dump() == {"type": "viewers", "seq": 7, "count": 2}
    failed = message_of(Told(8, Failed(Refusal("engine_failed", "It broke."))))
    assert failed.model_dump() == {"type": "error", "code": "engine_failed", "message": "It broke."}
    stats = json.loads(message_of(Told(None, STATS)).model_dump_json())
    assert stats["type"] == "stats" and stats["delay_ms"] is None and stats["fps"] == 25


def test_an_ice_server_holds_no_empty_fields() -> None:
    """A browser takes null for the text "null"."""
    assert json.loads(IceServerModel(urls="stun:a:1").model_dump_json()) == {"urls": "stun:a:1"}
