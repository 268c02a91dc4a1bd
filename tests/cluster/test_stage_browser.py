"""A browser that is sent on to another stage keeps what it has proven, whichever site its page is of."""

from __future__ import annotations

import asyncio
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from tests.cluster.stages import Holder, let_all_in, running, settings_for

pytestmark = pytest.mark.browser

ASK = """async ([url, token]) => {
    const headers = {"Content-Type": "application/sdp", ...(token && {"Authorization": `Bearer ${token}`})};
    const answer = await fetch(url, {method: "POST", headers, body: "v=0"});
    return [answer.redirected, new URL(answer.url).origin, (await answer.json()).code];
}"""


class Page(http.server.BaseHTTPRequestHandler):
    """A page of some other site."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>another site</title>")

    def log_message(self, *said: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


async def test_a_page_of_another_site_watches_where_the_session_is(
    chromium: str, site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_all_in(monkeypatch)
    async with (
        running(settings_for(tmp_path), "a", "b") as (one, other),
        Holder() as holder,
        async_playwright() as playwright,
    ):
        made = await holder.make(one)
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = await browser.new_page()
        await page.goto(site)
        path = f"{other.url}/whep/{made['id']}"
        async with asyncio.timeout(60):
            with_token = await page.evaluate(ASK, [path, made["view"]["token"]])
            without = await page.evaluate(ASK, [path, ""])
        await browser.close()
    assert with_token == [True, one.url, "bad_sdp"]  # it was let in
    assert without == [True, one.url, "token_missing"]
