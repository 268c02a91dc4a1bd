from __future__ import annotations

import io
import json
import logging
import re
import threading
from collections.abc import Callable, Iterator

import pytest

from app.log_context import ADDRESS, KEY, SESSION, for_session
from app.logs import set_up_logging
from app.logs.limit import BURST, KINDS_KEPT, RepeatLimit
from app.logs.text import MOST_CHARACTERS, clean

Listen = Callable[..., io.StringIO]
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ ")

# what would end a line, go up one, hide or turn what follows, or not be written at all
EVIL = ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1b[2K\x1b[1A", "\x00", "\x7f", "\x9b1A", "\x85", "\u2028", "\u2029",
        "\u202e", "\u2066", "\u200f", "\u061c", "\u200b", "\ufeff", "\U000e0041", "\ud800"]  # fmt: skip


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Set logging up as a command does, onto a page of the test's own; afterwards it is as it was."""
    root, hook = logging.getLogger(), threading.excepthook
    before = (root.handlers[:], root.level)
    levels = {name: logging.getLogger(name).level for name in ("app", "bench", "lipwire", "__main__", "uvicorn")}

    def listen(level: str = "info", as_json: bool = False) -> io.StringIO:
        page = io.StringIO()
        set_up_logging(level, as_json, page)
        return page

    yield listen
    root.handlers[:], root.level = before
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(False)
    threading.excepthook = hook
    for each in (SESSION, KEY, ADDRESS):
        each.set("")


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("as_json", [False, True])
def test_no_character_of_a_client_makes_a_line(listen: Listen, as_json: bool, evil: str) -> None:
    page = listen(as_json=as_json)
    logging.getLogger("app.x").info("avatars: %s was added", f"mine{evil}2026-01-01 00:00:00,000 ERROR all is lost")
    (line,) = page.getvalue().splitlines()
    assert "\x1b" not in line and line.isprintable()
    assert "mine" in line and "was added" in line
    if as_json:
        assert json.loads(line)["message"].isprintable()


def test_a_traceback_cannot_hold_a_line_of_the_log(listen: Listen) -> None:
    page = listen()
    try:
        raise ValueError("bad name\n2026-01-01 00:00:00,000 ERROR all is lost\x1b[1A")
    except ValueError:
        logging.getLogger("app.x").exception("avatars: one cannot be read")
    lines = page.getvalue().splitlines()
    assert len([line for line in lines if LINE.match(line)]) == 1
    assert all(line.startswith("    | ") for line in lines[1:]) and "\x1b" not in page.getvalue()
    assert "ValueError: bad name" in page.getvalue()


def test_lines_say_whose_work_they_are_of(listen: Listen) -> None:
    page = listen()
    KEY.set("key_0123")
    ADDRESS.set("192.0.2.1")
    with for_session("1a2b"):
        logging.getLogger("app.x").info("viewer: connected")
    assert SESSION.get() == ""
    logging.getLogger("app.x").info("quiet again")
    first, second = page.getvalue().splitlines()
    assert first.endswith("INFO [session=1a2b key=key_0123 address=192.0.2.1] viewer: connected")
    assert second.endswith("INFO [key=key_0123 address=192.0.2.1] quiet again")


def test_json_has_a_field_for_everything(listen: Listen) -> None:
    page = listen(as_json=True)
    with for_session("1a2b"):
        try:
            raise RuntimeError("no")
        except RuntimeError:
            logging.getLogger("app.rtc.viewer").exception("viewer: %s", "lost")
    line = json.loads(page.getvalue())
    assert line.pop("traceback").endswith("RuntimeError: no")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line.pop("time"))
    assert line == {"level": "error", "logger": "app.rtc.viewer", "session": "1a2b", "message": "viewer: lost"}


def test_arguments_that_do_not_fit_are_written_all_the_same(listen: Listen) -> None:
    page = listen()
    logging.getLogger("app.x").info("two: %s %s", "one")
    assert "two: %s %s ('one',)" in page.getvalue()


@pytest.mark.parametrize(
    "told",
    [
        "GET /watch/x?token=s3cret&a=b",
        "/ws?access_token=s3cret",
        'read {"type":"attach","token": "s3cret"}',
        "{'key': 's3cret', 'type': 'start'}",
        "Authorization: Bearer s3cret",
        "header (b'authorization', b'Bearer s3cret')",
        "Bearer s3cret-s3cret",
        "rtmp://user:s3cret@host/app failed",
        "POST /whep/1a2b/s3cret",
        "LIPWIRE_TURN_SECRET=s3cret",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.s3cret",
    ],
)
def test_what_opens_doors_is_not_written_down(told: str) -> None:
    assert "s3cret" not in clean(told) and "…" in clean(told)


@pytest.mark.parametrize(
    "told",
    [
        'Send an API key: "Authorization" is empty',
        "session 1a: opened, portrait, live",
        "key_missing: no key",
        "Größe × 2",
    ],
)
def test_what_opens_no_door_stays(told: str) -> None:
    assert clean(told) == told


def test_a_long_text_is_cut(listen: Listen) -> None:
    assert clean("x" * MOST_CHARACTERS) == "x" * MOST_CHARACTERS
    assert clean("x" * (MOST_CHARACTERS + 1)).endswith(f"x… (of {MOST_CHARACTERS + 1} characters)")
    assert len(clean("\x00" * 10_000_000)) < MOST_CHARACTERS + 40


def test_the_web_server_says_nothing_of_queries_nor_traces_bad_text(listen: Listen) -> None:
    server = logging.getLogger("uvicorn.error")
    server.setLevel(logging.WARNING)  # as a server leaves it that somebody configured before
    page = listen("debug")
    server.info('%s - "WebSocket %s" [accepted]', "192.0.2.1:5", "/ws?whatever=s3cret\x1b")
    try:
        b"\xff".decode()
    except UnicodeDecodeError:
        server.exception("Invalid UTF-8 sequence received from client.")
    server.debug("< TEXT %r", '{"token": "s3cret"}')
    logging.getLogger("httpx").debug("s3cret")
    logging.getLogger("websockets.server").info("s3cret")
    first, second = page.getvalue().splitlines()
    assert first.endswith('INFO 192.0.2.1:5 - "WebSocket /ws" [accepted]')
    assert second.endswith("INFO Invalid UTF-8 sequence received from client.")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_says_so_in_the_log(listen: Listen) -> None:
    page = listen(as_json=True)

    def die() -> None:
        raise ValueError("gone")

    thread = threading.Thread(target=die, name="worker")
    thread.start()
    thread.join()
    assert json.loads(page.getvalue())["message"] == "thread worker: died"


def record(at_s: float, number: int = 1) -> logging.LogRecord:
    made = logging.LogRecord("app.x", logging.INFO, "x.py", number, "socket: refused %s", ("a",), None)
    made.created = at_s
    return made


def test_a_line_that_repeats_comes_once_a_second_with_a_count() -> None:
    limit, passed = RepeatLimit(), []
    for n in range(5000):  # five seconds of a thousand each
        made = record(n / 1000)
        if limit.filter(made):
            passed.append(made.__dict__["repeated"])
    assert len(passed) in (BURST + 4, BURST + 5)
    assert passed[:BURST] == [0] * BURST and all(900 < more <= 1000 for more in passed[BURST:])
    assert limit.filter(record(5.0, number=2)), "another line is none of these"
    with for_session("1a2b"):
        assert limit.filter(record(5.0)), "another session's neither"


def test_a_line_a_second_always_passes_and_a_clock_may_be_set_back() -> None:
    limit = RepeatLimit()
    assert all(limit.filter(record(float(second))) for second in range(100))
    assert all(limit.filter(record(float(second))) for second in range(50, 60))


def test_no_line_of_an_audit_is_left_out_nor_the_key_in_it(listen: Listen) -> None:
    page = listen()
    told = '{"action": "avatar_deleted", "outcome": "ok", "key": "key_0123456789ab", "address": "192.0.2.1"}'
    for _ in range(100):
        logging.getLogger("app.access.audit").info("audit: %s", told)
    lines = page.getvalue().splitlines()
    assert len(lines) == 100 and all(line.endswith(f"INFO audit: {told}") for line in lines)


def test_kinds_are_bounded() -> None:
    limit = RepeatLimit()
    for number in range(3 * KINDS_KEPT):
        assert limit.filter(record(1.0, number))
    assert len(limit._allowances) == KINDS_KEPT
