"""A face in anybody's page, in a real Chromium: ``<lipwire-face>``, and the page that holds nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lipwire
import pytest
import soundfile
import websockets
from playwright.async_api import Page

from app.assets import SAMPLE
from tests.client import Client
from tests.foreign import ForeignSite
from tests.noise import Faults, Noise, believed
from tests.page import OpenPage, freed, status
from tests.server import Serve, Server
from tests.whep_front import WhepFront, WhepStage

pytestmark = pytest.mark.browser

SEEN_JS = (Path(__file__).parents[1] / "seen.js").read_text()
STATE = "document.querySelector('lipwire-face').state"
BACK_S = 3.0
AUDIBLE = 1e-3  # energy in a second and a half; of speech it is some hundredths


@dataclass(frozen=True)
class Made:
    """A session made over HTTP."""

    id: str
    watch: str
    whep: str
    view_token: str
    feed_url: str
    feed_token: str


async def ask(server: Server, method: str, path: str, content: Any = None) -> Any:
    """Send a request to the server's HTTP side; returns what its JSON holds."""

    def send() -> Any:
        body = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(server.url + path, body, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read() or b"null")

    return await asyncio.to_thread(send)


@contextlib.asynccontextmanager
async def session(server: Server, **wish: Any) -> AsyncIterator[Made]:
    """Make a session, and end it."""
    async with asyncio.timeout(60):
        while (made := await _admitted(server, wish)) is None:
            await asyncio.sleep(1)
    view = made["view"]
    try:
        yield Made(made["id"], view["watch"], view["whep"], view["token"], made["feed"]["url"], made["feed"]["token"])
    finally:
        with contextlib.suppress(urllib.error.HTTPError):
            await ask(server, "DELETE", f"/api/sessions/{made['id']}")


async def _admitted(server: Server, wish: dict[str, Any]) -> Any:
    try:
        return await ask(server, "POST", "/api/sessions", wish)
    except urllib.error.HTTPError as refused:
        if refused.code != 503:  # the machine is busy for the moment, with others' work
            raise
        return None


@contextlib.asynccontextmanager
async def voice(made: Made) -> AsyncIterator[None]:
    """Let the face speak the sample."""
    pcm, rate = soundfile.read(SAMPLE, dtype="int16")
    async with websockets.connect(made.feed_url) as socket:
        attach = {"session": made.id, "token": made.feed_token, "sample_rate": rate, "encoding": "pcm_s16le"}
        await socket.send(json.dumps({"type": "attach", "channels": 1, **attach}))
        for start in range(0, len(pcm), rate):
            await socket.send(pcm[start : start + rate].tobytes())
        await socket.send(json.dumps({"type": "flush"}))
        yield


def two_lines(server: Server, src: str, attributes: str = "") -> str:
    return (
        f'<script type="module" src="{server.url}/web/embed.js"></script>\n'
        f'<lipwire-face src="{src}" {attributes}></lipwire-face>'
    )


async def becomes(page: Page, state: str, timeout_s: float = 20) -> None:
    """Wait for the element's state; asked for from here, as a page's policy may forbid it to evaluate text."""
    async with asyncio.timeout(timeout_s):
        while (now := await page.evaluate(STATE)) != state:
            assert now not in ("refused", "ended"), await said(page)
            await asyncio.sleep(0.05)


async def said(page: Page) -> str:
    return str(await page.evaluate("document.querySelector('lipwire-face').shadowRoot.textContent"))


async def viewers(server: Server, made: Made) -> int:
    return int((await ask(server, "GET", f"/api/sessions/{made.id}"))["viewers"])


async def until(holds: Callable[[], Any], timeout_s: float = 10) -> None:
    async with asyncio.timeout(timeout_s):
        while not await holds():
            await asyncio.sleep(0.1)


async def test_two_lines_show_a_face_in_a_page_of_the_strictest_policy(server: Server, open_page: OpenPage) -> None:
    async with session(server) as made, voice(made):
        stage = made.feed_url.replace("ws", "http", 1).partition("/ws")[0]  # another machine, where there are many
        policy = (
            f"default-src 'none'; script-src {server.url}; connect-src {server.url} {stage}; img-src {server.url}; "
            "require-trusted-types-for 'script'"
        )
        poster = f'poster="{server.url}/api/avatars/default/image"'
        with ForeignSite(two_lines(server, made.watch, poster), policy) as site:
            complaints: list[str] = []
            page = await open_page(url="about:blank", bound_by_policy=True)
            page.on("console", lambda message: complaints.append(message.text))
            await page.goto(site.url)
            await becomes(page, "playing")
            assert complaints == []
            box, video = await page.evaluate(
                """() => {
                  const face = document.querySelector('lipwire-face');
                  const video = face.shadowRoot.querySelector('video');
                  const { width, height } = face.getBoundingClientRect();
                  return [[width, height], [video.videoWidth, video.videoHeight]];
                }"""
            )
            assert box == video == [768, 768]
            played = await page.evaluate("window.lipwirePlayed(1.5)")
            assert played["energy"] > AUDIBLE
            assert await viewers(server, made) == 1


async def test_an_element_that_is_taken_out_frees_its_place_and_a_moved_one_plays_on(
    server: Server, open_page: OpenPage
) -> None:
    async with session(server) as made:
        with ForeignSite(two_lines(server, made.whep, f'token="{made.view_token}"')) as site:
            page = await open_page(url=site.url)
            await becomes(page, "playing")
            await page.evaluate(
                "document.body.append(document.createElement('div'));"
                "document.querySelector('div').append(document.querySelector('lipwire-face'))"
            )
            await asyncio.sleep(0.5)
            assert await page.evaluate(STATE) == "playing" and await viewers(server, made) == 1
            async with Client(server.ws_url) as feeder:
                await feeder.say("attach", session=made.id, token=made.feed_token)
                assert (await feeder.expect("started"))["viewers"] == 1
            await page.evaluate("window.kept = document.querySelector('lipwire-face'); kept.remove()")
            await until(lambda: _are(server, made, 0))
            await page.evaluate("document.body.append(kept)")
            await until(lambda: _are(server, made, 1))
            await page.close()
            await until(lambda: _are(server, made, 0))


async def _are(server: Server, made: Made, count: int) -> bool:
    return await viewers(server, made) == count


async def test_a_lost_connection_comes_back_within_three_seconds_and_is_never_black(
    server: Server, open_page: OpenPage
) -> None:
    paths: list[str] = []
    async with session(server) as made, voice(made):
        with ForeignSite(two_lines(server, made.watch)) as site:
            page = await open_page(url="about:blank")
            page.on(
                "response",
                lambda response: (
                    paths.append(response.headers.get("location", ""))
                    if response.request.method == "POST" and "/whep/" in response.url
                    else None
                ),
            )
            await page.add_init_script(SEEN_JS)
            await page.goto(site.url)
            await becomes(page, "playing")
            await page.evaluate("window.seen = lipwireSeen(document.querySelector('lipwire-face'))")

            async def cut() -> dict[str, Any]:
                await asyncio.sleep(1)
                await page.evaluate("seen.events.length = seen.looks.length = 0")
                cut_at = await page.evaluate("performance.now()")
                await ask(server, "DELETE", paths[-1])  # as a network that is gone: the page is told nothing
                async with asyncio.timeout(20):
                    while "playing" not in [event["name"] for event in await page.evaluate("seen.events")]:
                        await asyncio.sleep(0.1)
                await asyncio.sleep(0.5)
                return {"cut_at": cut_at, **await page.evaluate("seen")}

            def faults(seen: dict[str, Any], noise: Noise) -> Faults:
                print([(event["name"], round(event["t"] - seen["cut_at"])) for event in seen["events"]])
                back_s = next(event["t"] for event in seen["events"] if event["name"] == "playing") - seen["cut_at"]
                return {"late": f"back after {back_s / 1000:.1f} s"} if back_s > 1000 * BACK_S else {}

            seen = await believed(cut, faults)
            assert [event["name"] for event in seen["events"]] == ["lost", "playing"]
            light = [look["light"] for look in seen["looks"]]
            assert len(light) > 20 and min(light) > 0.8 * max(light) > 50


async def test_a_face_whose_machine_dies_is_back_once_its_front_knows_where(
    server: Server, open_page: OpenPage
) -> None:
    """The front sends on to the stages, other origins; each dies, and the session is found at the next one."""
    reference = "0123456789abcdef01234567.a-Seal_of-the-stage"
    async with session(server) as made, voice(made):
        with WhepFront() as front, contextlib.ExitStack() as stages:

            def settle() -> WhepStage:
                front.stage = stages.enter_context(WhepStage(server.url, made.id, made.view_token))
                return front.stage

            stage = settle()
            lines = (
                f'<script type="module" src="{server.url}/web/embed.js"></script>\n'
                f'<lipwire-face src="{front.url}/watch/{reference}#token=T"></lipwire-face>'
            )
            with ForeignSite(lines) as site:
                page = await open_page(url="about:blank")
                await page.add_init_script(SEEN_JS)
                await page.goto(site.url)
                await becomes(page, "playing")
                await page.evaluate("window.seen = lipwireSeen(document.querySelector('lipwire-face'))")

                async def once() -> float:
                    nonlocal stage
                    await asyncio.sleep(1)
                    await page.evaluate("seen.events.length = seen.looks.length = 0")
                    resource = next(path for method, path in stage.seen if method == "PATCH")
                    front.says = "unknown"
                    stage.end()
                    await ask(server, "DELETE", resource)  # as a machine that dies: the page is told nothing
                    async with asyncio.timeout(20):
                        while await page.evaluate(STATE) != "lost":
                            await asyncio.sleep(0.02)
                    await asyncio.sleep(2)
                    front.says = "moving"
                    await asyncio.sleep(2)
                    stage = settle()
                    front.says = "elsewhere"
                    knows_at = await page.evaluate("performance.now()")
                    await becomes(page, "playing")
                    events = await page.evaluate("seen.events")
                    return float(next(event["t"] for event in events if event["name"] == "playing") - knows_at) / 1000

                def faults(back_s: float, noise: Noise) -> Faults:
                    print(f"back {back_s:.2f} s after the front knew")
                    return {"late": f"back after {back_s:.1f} s"} if back_s > BACK_S else {}

                await believed(once, faults)
                light = [look["light"] for look in await page.evaluate("seen.looks")]
                assert len(light) > 20 and min(light) > 0.8 * max(light) > 50, "the last picture stays"
                assert {method for method, _ in front.seen} == {"POST"}
                await page.evaluate("document.querySelector('lipwire-face').remove()")
                await until(lambda: _asked(stage, "DELETE"))


async def _asked(stage: WhepStage, method: str) -> bool:
    return any(asked == method for asked, _ in stage.seen)


async def test_sound_that_the_browser_refuses_waits_for_a_tap(server: Server, open_page: OpenPage) -> None:
    async with session(server) as made, voice(made):
        with ForeignSite(two_lines(server, made.watch)) as site:
            page = await open_page(url=site.url, plays_at_once=False)
            # whoever asks the page anything by its debugger touches it, in the browser's eyes
            await until(lambda: _are(server, made, 1))
            await asyncio.sleep(1)
            await becomes(page, "playing")
            button = page.get_by_role("button", name="Tap for sound")
            await button.wait_for()
            assert (await page.evaluate("window.lipwirePlayed(1)"))["energy"] == 0
            await button.focus()
            await page.keyboard.press("Enter")
            assert (await page.evaluate("window.lipwirePlayed(1.5)"))["energy"] > AUDIBLE
            await page.get_by_role("button", name="Mute the face").click()
            assert await page.evaluate("document.querySelector('lipwire-face').muted")
            assert await page.get_by_role("button", name="Hear the face").is_visible()


async def test_attributes_change_while_it_plays(server: Server, open_page: OpenPage) -> None:
    set_to = "([name, value]) => document.querySelector('lipwire-face').setAttribute(name, value)"
    async with session(server, engine="clapper") as one, session(server, engine="clapper") as other:
        with ForeignSite(two_lines(server, one.whep, 'token="wrong"')) as site:
            page = await open_page(url=site.url)
            with pytest.raises(AssertionError, match="This link is not valid"):
                await becomes(page, "playing")
            await page.evaluate(set_to, ["token", one.view_token])
            await becomes(page, "playing")
            assert await viewers(server, one) == 1
            await page.evaluate(set_to, ["poster", f"{server.url}/api/avatars/default/image"])  # it lies beneath
            await page.evaluate("document.querySelector('lipwire-face').style.width = '200px'")
            box = await page.locator("lipwire-face").bounding_box()
            assert box is not None and (box["width"], box["height"]) == (200, 200)
            await page.evaluate("document.querySelector('lipwire-face').removeAttribute('token')")
            await page.evaluate(set_to, ["src", other.watch])
            await until(lambda: _are(server, other, 1))
            await until(lambda: _are(server, one, 0))
            await becomes(page, "playing")


async def test_the_watch_page_fills_its_window_and_says_when_it_is_over(server: Server, open_page: OpenPage) -> None:
    async with session(server) as made:
        page = await open_page(url=made.watch.replace("#", "?"))
        await becomes(page, "playing")
        for width, height in ((1280, 800), (390, 844), (200, 150)):
            await page.set_viewport_size({"width": width, "height": height})
            box = await page.locator("lipwire-face").bounding_box()
            assert box == {"x": 0, "y": 0, "width": width, "height": height}
        await ask(server, "DELETE", f"/api/sessions/{made.id}")
        await page.get_by_text("This session is over.").wait_for()
        await page.reload()
        await page.get_by_text("There is no such session, or it is over.").wait_for()
    async with session(server, engine="clapper") as made, session(server, engine="clapper") as other:
        for token, words in (
            ("", "its token is missing"),
            ("x.y.z", "not valid"),
            (other.view_token, "something else"),
        ):
            await page.goto(f"{server.url}/watch/{made.id}#token={token}")
            await page.reload()
            await page.get_by_text(words).wait_for()
        await page.goto(made.watch)  # another link in the address bar: only the fragment changes
        await becomes(page, "playing")


async def test_the_pages_own_session_is_listed_shared_and_ended(server: Server, open_page: OpenPage) -> None:
    page = await open_page()
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=server.url)
    await page.click("#play-sample")
    item = page.locator("#sessions li")
    await item.get_by_text("1 viewer").wait_for()
    await page.get_by_role("button", name="Copy a link").click()
    await item.get_by_text("Copied").wait_for()
    link = await page.evaluate("navigator.clipboard.readText()")
    assert link == await item.get_by_role("textbox").input_value()
    guest = await page.context.new_page()
    await guest.goto(link)
    await becomes(guest, "playing")
    await item.get_by_text("2 viewers").wait_for()
    await page.click("#stop")
    await guest.get_by_text("This session is over.").wait_for()
    assert await item.count() == 0


async def test_a_session_for_an_agent_is_made_kept_and_ended_by_the_page(server: Server, open_page: OpenPage) -> None:
    page = await open_page()
    await page.click("#new-session")
    item = page.locator("#sessions li")
    await item.get_by_text("0 viewers").wait_for()
    await page.get_by_role("button", name="Copy what an agent needs").click()
    access = json.loads(await item.get_by_role("textbox").input_value())
    made = Made(access["session"], "", "", "", "", access["feed_token"])
    async with lipwire.connect(**access) as face, face.utterance(sample_rate=24_000) as utterance:
        await utterance.send(bytes(2 * 24_000 * 5))
        await item.get_by_text("Speaks").wait_for()
    await page.reload()
    await item.get_by_text("0 viewers").wait_for()
    await page.get_by_role("button", name="End the session").click()
    await item.wait_for(state="detached")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        await ask(server, "GET", f"/api/sessions/{made.id}")


async def test_what_is_typed_is_spoken_within_a_second_and_then_the_face_listens(
    server: Server, open_page: OpenPage
) -> None:
    known = await ask(server, "GET", "/api/voices")
    if known["default"] is None:
        pytest.skip(known["why"])
    page = await open_page(microphone_allowed=False)

    async def type_and_hear() -> float:
        field = page.get_by_role("textbox", name="Say something")
        await field.press_sequentially("Good morning", delay=60)
        await page.wait_for_function("document.body.dataset.state === 'live'")
        await status(page, "The face listens")
        await page.evaluate(
            """() => {
              const audio = new AudioContext();
              const analyser = new AnalyserNode(audio, { fftSize: 512 });
              audio.createMediaStreamSource(document.querySelector('#video').srcObject).connect(analyser);
              const samples = new Float32Array(512);
              addEventListener('submit', () => {
                const sentAt = performance.now();
                const listen = () => {
                  analyser.getFloatTimeDomainData(samples);
                  if (samples.some((sample) => Math.abs(sample) > 0.02)) window.heardAfter = performance.now() - sentAt;
                  else setTimeout(listen, 5);
                };
                listen();
              }, { once: true, capture: true });
              window.heardAfter = 0;
            }"""
        )
        await field.press("Enter")
        await status(page, "Speaking")
        await page.wait_for_function("window.heardAfter > 0")
        await status(page, "The face listens")
        assert await field.input_value() == ""
        return float(await page.evaluate("window.heardAfter")) / 1000

    def faults(heard_after_s: float, noise: Noise) -> Faults:
        print(f"heard after {heard_after_s:.2f} s")
        return {"late": f"heard only after {heard_after_s:.2f} s"} if heard_after_s > 1 else {}

    await believed(type_and_hear, faults)
    await page.click("#stop")
    await freed(server)


async def test_a_server_that_speaks_no_text_explains_it(server: Server, open_page: OpenPage) -> None:
    why = "Nothing here speaks a text: install the built-in voice."
    page = await open_page(url="about:blank")
    await page.route("**/api/voices", lambda route: route.fulfill(json={"voices": [], "default": None, "why": why}))
    await page.goto(server.url)
    await page.get_by_text(why).wait_for()
    assert await page.get_by_role("textbox", name="Say something").is_hidden()


async def test_a_server_with_keys_is_used_once_its_key_is_typed(
    open_page: OpenPage, tmp_path: Path, serve: Serve
) -> None:
    with serve(tmp_path, api_keys="a-key-of-the-test") as locked:
        page = await open_page(url=locked.url)
        await page.click("#new-session")
        await status(page, "asks for a key")
        field = page.get_by_label("Key", exact=True)
        assert await field.evaluate("field => field === document.activeElement")
        await field.fill("a-key-of-the-test")
        await page.click("#new-session")
        await page.locator("#sessions li").get_by_text("0 viewers").wait_for()
        await page.reload()
        await page.get_by_role("button", name="End the session").click()
        await page.locator("#sessions li").wait_for(state="detached")


async def test_the_microphone_and_texts_ask_for_the_key_too(open_page: OpenPage, tmp_path: Path, serve: Serve) -> None:
    with serve(tmp_path, api_keys="a-key-of-the-test") as locked:
        page = await open_page(url=locked.url)
        text, field = page.get_by_role("textbox", name="Say something"), page.get_by_label("Key", exact=True)
        await text.press_sequentially("Hello", delay=30)
        await status(page, "asks for a key")
        await field.wait_for()
        await page.click("#say-text")
        assert await text.input_value() == "Hello"  # whoever types is not torn away
        await text.fill("")
        await page.click("#start-mic")
        await status(page, "asks for a key")
        await page.wait_for_function("document.activeElement.id === 'key'")
        await field.fill("a-key-of-the-test")
        await page.click("#start-mic")
        await status(page, "Speak: the face follows your voice.")


async def test_the_example_runs_and_its_lines_are_right(server: Server, open_page: OpenPage) -> None:
    page = await open_page(url=f"{server.url}/embed")
    await page.click("#start")
    await becomes(page, "playing")
    with ForeignSite(await page.inner_text("#lines")) as site:
        guest = await page.context.new_page()
        await guest.goto(site.url)
        await becomes(guest, "playing")
        await page.click("#speak")
        await status(page, "A program speaks")
        assert (await page.evaluate("window.lipwirePlayed(1.5)"))["energy"] > AUDIBLE
        await page.check("#muted")
        await page.get_by_role("button", name="Hear the face").wait_for()
        await page.locator("#events").get_by_text("playing").wait_for()
        await page.close()
        await guest.get_by_text("This session is over.").wait_for()
