"""Messages that are none, by the thousand: each is refused with a code, and nobody else notices."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path

import pytest

from app.api.client_messages import parse
from app.errors import Refusal
from bench.fuzz_messages import any_message, send_bad_utf8, send_messages
from tests.client import Client
from tests.server import Serve

SHORT = 1_500  # over sockets; bench soak sends tens of thousands
AT_ONCE = 4
PARSED = 10_000
LONGEST_WORD = 1_000  # characters of a refusal


def test_ten_thousand_malformed_messages_are_each_understood_or_refused() -> None:
    dice, codes = random.Random(13), set()
    for _ in range(PARSED):
        message = any_message(dice)
        if isinstance(message, bytes) or "\ud800" in message:  # sound; and what is no UTF-8 never comes so far
            continue
        try:
            parse(message)
        except Refusal as refused:
            codes.add(refused.code)
            assert len(refused.message) < LONGEST_WORD
    assert codes == {"bad_json", "bad_field", "unknown_type", "message_too_large"}


@pytest.mark.realtime
async def test_malformed_messages_hurt_nobody(tmp_path: Path, serve: Serve) -> None:
    with serve(tmp_path) as server:
        async with Client(server.ws_url) as neighbour:
            await neighbour.start(engine="clapper")
            await neighbour.connect()
            before = await neighbour.expect("stats", timeout_s=30)
            each = SHORT // AT_ONCE
            found = await asyncio.gather(*(send_messages(server.ws_url, each, seed) for seed in range(AT_ONCE)))
            assert [wrong for findings in found for wrong in findings.wrong] == []
            codes = {code for findings in found for code in findings.codes}
            assert codes > {"bad_json", "bad_field", "unknown_type", "not_started"}, codes
            assert "internal_error" not in codes and "1006" not in codes
            assert await send_bad_utf8(server.ws_url) == 1007
            after = await neighbour.expect("stats", timeout_s=30, after=len(neighbour.messages))
            # its time went on: no slot was left out, however late it came
            assert after["slots"] > before["slots"]
            assert neighbour.close_code is None
            assert json.loads(json.dumps(after))["type"] == "stats"
    log = server.log.read_text()
    assert "internal_error" not in log
    assert log.count("Traceback") == log.count("UnicodeDecodeError: ")  # the protocol's own word for bad UTF-8
