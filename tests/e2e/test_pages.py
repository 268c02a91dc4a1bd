"""The pages against other sites, in a real Chromium: what may load, who may ask, and the mark on every face."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as PillowImage
from playwright.async_api import Page, Route

from app.assets import DEFAULT_PICTURE
from tests.e2e.test_watch import becomes, session, two_lines
from tests.foreign import ForeignSite
from tests.page import OpenPage, playing, status
from tests.server import Serve, Server

pytestmark = pytest.mark.browser

KEY = "a-key-of-the-test"
VIOLATIONS_JS = """
window.violations = [];
addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sample }) =>
  window.violations.push(`${violatedDirective} ${blockedURI} ${sample}`));
"""
# where the mark is, and the picture itself, in the window's pixels
PLACES_JS = """
([holder, root]) => {
  const inside = document.querySelector(holder);
  const from = root ? inside.shadowRoot : inside;
  const mark = from.querySelector('#mark');
  const box = (element) => {
    const { x, y, width, height } = element.getBoundingClientRect();
    return { x, y, width, height };
  };
  return { mark: box(mark), picture: box(from.querySelector('video')), text: mark.innerText,
    seen: mark.checkVisibility({ opacityProperty: true, visibilityProperty: true }),
    size: parseFloat(getComputedStyle(mark).fontSize),
    described: from.querySelector('video').getAttribute('aria-describedby') };
}
"""
MOUTH_TOP = 0.55  # of the default picture's height; a mouth is below the middle of every face that is taken
HOSTILE_CSS = """
<style>
  *, p, .mark, #mark {
    display: none !important; opacity: 0 !important; visibility: hidden !important; font-size: 0 !important;
  }
  html, head + body, lipwire-face { display: block !important; opacity: 1 !important; visibility: visible !important; }
  lipwire-face::part(mark) {
    display: none !important; opacity: 0 !important; visibility: hidden !important; font-size: 0 !important;
    position: static !important; width: 0 !important; max-height: 0 !important; transform: scale(0) !important;
  }
  lipwire-face { width: 300px; }
</style>
"""


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory, serve: Serve) -> Iterator[Server]:
    """A server whose operator says what faces are marked with, and where they are framed."""
    with serve(tmp_path_factory.mktemp("labelled"), label="Von KI erzeugt", embed_origins="*") as started:
        yield started


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory, serve: Serve) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("locked"), api_keys=KEY) as started:
        yield started


def shown(places: dict[str, Any]) -> None:
    """Check that a mark is on its picture, can be read, and leaves the mouth free."""
    mark, picture = places["mark"], places["picture"]
    assert places["seen"] and places["described"] == "mark" and places["size"] >= 9, places
    assert mark["width"] > 40 and mark["height"] > 10, places
    assert mark["x"] >= picture["x"] and mark["x"] + mark["width"] <= picture["x"] + picture["width"], places
    assert mark["y"] >= picture["y"], places
    assert mark["y"] + mark["height"] < picture["y"] + MOUTH_TOP * picture["height"], places


async def watched(page: Page) -> list[str]:
    """Collect what the browser complains of, from the next page on."""
    complaints: list[str] = []
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
    )
    await page.add_init_script(VIOLATIONS_JS)
    return complaints


async def comes(page: Page, expression: str, timeout_s: float = 30) -> None:
    """Wait until something holds, asked for from here: the page's policy forbids it to evaluate text."""
    async with asyncio.timeout(timeout_s):
        while not await page.evaluate(expression):
            await asyncio.sleep(0.05)


async def says(page: Page, text: str) -> None:
    await page.locator("#status", has_text=text).wait_for(timeout=30_000)


async def unharmed(page: Page, complaints: list[str]) -> None:
    assert await page.evaluate("window.violations") == []
    assert complaints == []


async def test_no_page_needs_what_its_policy_forbids(server: Server, open_page: OpenPage, tmp_path: Path) -> None:
    page = await open_page(url="about:blank", bound_by_policy=True)
    complaints = await watched(page)
    await page.goto(server.url)
    picture = tmp_path / "My cousin.webp"
    PillowImage.open(DEFAULT_PICTURE).crop((80, 40, 700, 700)).save(picture)
    await page.set_input_files("#face-file", picture)
    await says(page, "new face is ready")
    await page.get_by_role("button", name="Adjust mouth").click()
    await page.get_by_role("dialog", name="Adjust the mouth").get_by_role("button", name="Cancel").click()
    await page.click("#play-sample")
    await comes(page, "document.querySelector('#video').currentTime > 0.2")
    await page.click("#hear")
    await page.click("#start-mic")
    await says(page, "Speak: the face follows your voice.")
    await page.click("#stop")
    await page.get_by_role("button", name="Delete My cousin").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await says(page, "Deleted")
    await unharmed(page, complaints)

    await page.goto(f"{server.url}/sync?seconds=3&auto")
    await comes(page, "['good', 'bad'].includes(document.body.dataset.state)", 60)
    await unharmed(page, complaints)

    await page.goto(f"{server.url}/embed")
    await page.click("#start")
    await becomes(page, "playing", 60)
    await page.click("#speak")
    await says(page, "A program speaks")
    await page.check("#round")
    await page.fill("#width", "200")
    await unharmed(page, complaints)

    async with session(server, engine="clapper") as made:  # for which a busy machine has time as well
        await page.goto(made.watch)
        await becomes(page, "playing")
        await unharmed(page, complaints)

    await page.goto(f"{server.url}/docs")
    await page.get_by_text("/api/avatars/{id}/mouth").first.click()
    await page.get_by_role("link", name="MouthView").first.click()
    await page.get_by_text("whether somebody moved it from where it was found").wait_for()
    await page.get_by_text("WebSocket").first.wait_for()
    await unharmed(page, complaints)


@pytest.mark.parametrize("path", ["/", "/sync", "/watch/x", "/embed", "/docs"])
async def test_markup_that_somebody_smuggled_in_does_nothing(server: Server, open_page: OpenPage, path: str) -> None:
    smuggled = (
        "<script>window.stolen = 'inline'</script><script src='https://evil.example/x.js'></script>"
        "<img src='data:,' onerror=\"window.stolen = 'handler'\"><base href='https://evil.example/'>"
        "<style>body { margin: 77px !important; }</style><a id='bait' href=\"javascript:window.stolen = 'link'\">x</a>"
    )

    async def smuggle(route: Route) -> None:
        answer = await route.fetch()
        text = (await answer.text()).replace("<body>", "<body>" + smuggled)
        await route.fulfill(response=answer, body=text)

    page = await open_page(url="about:blank", bound_by_policy=True)
    await page.add_init_script(VIOLATIONS_JS)
    await page.route(server.url + path, smuggle)
    await page.goto(server.url + path)
    await page.evaluate("document.querySelector('#bait').click()")
    await comes(page, "window.violations.length >= 5")
    assert await page.evaluate("window.stolen ?? getComputedStyle(document.body).margin") == "0px"
    violated = " ".join(await page.evaluate("window.violations"))
    for directive in ("script-src-elem inline", "script-src-elem https://evil.example", "script-src-attr", "base-uri"):
        assert directive in violated, violated


async def test_another_site_stores_no_picture_and_opens_no_session(server: Server, open_page: OpenPage) -> None:
    attack = f"""
    <iframe name="sink"></iframe>
    <form id="form" method="post" enctype="multipart/form-data" target="sink" action="{server.url}/api/avatars">
      <input id="file" type="file" name="image"></form>
    <form id="plain" method="post" enctype="text/plain" target="sink" action="{server.url}/api/sessions">
      <input name='{{"engine":"clapper","x":"' value='"}}'></form>
    """

    def stored() -> bytes:
        with urllib.request.urlopen(server.url + "/api/avatars") as answer:
            listed: bytes = answer.read()
            return listed

    before = await asyncio.to_thread(stored)
    with ForeignSite(attack) as site:
        page = await open_page(url=site.url)
        answers: list[int] = []
        page.on("response", lambda answer: answers.append(answer.status) if answer.request.method == "POST" else None)
        await page.set_input_files("#file", DEFAULT_PICTURE)
        for form in ("form", "plain"):
            await page.evaluate(f"document.getElementById('{form}').submit()")
            await asyncio.sleep(0.5)
        outcome = await page.evaluate(
            """async (base) => {
              const body = new FormData();
              body.append('image', new Blob(['x']), 'x.png');
              const sent = await fetch(base + '/api/avatars', { method: 'POST', body, mode: 'no-cors' }).catch(String);
              const read = await fetch(base + '/api/sessions').then(() => 'read', () => 'refused');
              const socket = new WebSocket(base.replace('http', 'ws') + '/ws');
              const socketed = await new Promise((resolve) => {
                socket.onopen = () => resolve('open');
                socket.onerror = () => resolve('refused');
              });
              return [sent.type ?? sent, read, socketed];
            }""",
            server.url,
        )
        assert outcome[1:] == ["refused", "refused"], outcome
        assert len(answers) >= 2 and set(answers) == {403}
    assert await asyncio.to_thread(stored) == before


async def test_a_name_that_somebody_else_made_to_lead_here_shows_nothing(server: Server, open_page: OpenPage) -> None:
    port = server.url.rsplit(":", 1)[1]
    page = await open_page("--host-resolver-rules=MAP rebound.test 127.0.0.1", url="about:blank")
    answer = await page.goto(f"http://rebound.test:{port}/api/avatars")
    assert answer is not None and answer.status == 403
    assert "host_not_allowed" in await answer.text()


async def test_the_operator_says_which_sites_may_frame_a_face(
    server: Server, labelled: Server, open_page: OpenPage
) -> None:
    for host, path, is_shown in (
        (server, "/watch/x", False),
        (labelled, "/watch/x", True),
        (labelled, "/embed", True),
        (labelled, "/", False),
    ):
        with ForeignSite(f'<iframe src="{host.url}{path}"></iframe>') as site:
            page = await open_page(url=site.url, bound_by_policy=True)
            frame = page.frames[1]
            has_page = await frame.evaluate("document.querySelector('link[rel=stylesheet]') !== null")
            assert has_page == is_shown, (path, frame.url)


async def test_every_face_is_marked_as_the_operator_says(labelled: Server, open_page: OpenPage) -> None:
    page = await open_page(url=labelled.url)
    await page.get_by_text("Von KI erzeugt").wait_for()
    await page.click("#play-sample")
    await playing(page)
    shown(await page.evaluate(PLACES_JS, ["#stage", False]))
    await page.evaluate("document.querySelector('#stage').requestFullscreen()")
    await page.wait_for_function("document.fullscreenElement !== null")
    shown(await page.evaluate(PLACES_JS, ["#stage", False]))
    await page.click("#stop", force=True)
    assert "AI" in (await page.inner_text("#mark")) or "KI" in (await page.inner_text("#mark"))
    await page.goto(f"{labelled.url}/embed")
    await page.click("#start")
    await becomes(page, "playing")
    for script in ("", "face.classList.add('is-round')", "face.style.width = '160px'"):
        await page.evaluate(f"{{ const face = document.querySelector('lipwire-face'); {script} }}")
        places = await page.evaluate(PLACES_JS, ["lipwire-face", True])
        shown(places)
        assert places["text"] == "Von KI erzeugt"


async def test_a_mark_is_not_lost_by_a_pages_style_nor_on_the_whole_screen(
    labelled: Server, open_page: OpenPage
) -> None:
    async with session(labelled, engine="clapper") as made:
        with ForeignSite(HOSTILE_CSS + two_lines(labelled, made.watch)) as site:
            page = await open_page(url=site.url)
            shown(await page.evaluate(PLACES_JS, ["lipwire-face", True]))  # before there is anything else
            await becomes(page, "playing")
            places = await page.evaluate(PLACES_JS, ["lipwire-face", True])
            shown(places)
            assert places["text"] == "Von KI erzeugt"
            tree = await page.locator("lipwire-face").aria_snapshot()
            assert "Von KI erzeugt" in tree
            await page.evaluate("document.querySelector('lipwire-face').requestFullscreen()")
            await page.wait_for_function("document.fullscreenElement !== null")
            shown(await page.evaluate(PLACES_JS, ["lipwire-face", True]))
            await page.evaluate("document.exitFullscreen()")
            await page.evaluate(
                "document.querySelector('lipwire-face').shadowRoot.querySelector('video').requestFullscreen()"
            )
            await page.wait_for_function(
                "document.querySelector('lipwire-face').shadowRoot.fullscreenElement?.localName !== 'video'"
            )
            assert await page.evaluate(
                "document.querySelector('lipwire-face').shadowRoot.querySelector('video').disablePictureInPicture"
            )


async def test_what_is_uploaded_needs_its_persons_consent_and_the_page_says_so(
    server: Server, open_page: OpenPage
) -> None:
    page = await open_page()
    button = page.get_by_role("button", name="Use your own picture or video")
    assert await button.get_attribute("aria-describedby") == "consent"
    assert "people who agreed" in await page.inner_text("#consent") and await page.is_visible("#consent")


async def test_a_link_without_a_session_says_what_is_missing(server: Server, open_page: OpenPage) -> None:
    page = await open_page(url="about:blank")
    for path in ("/watch", "/watch/"):
        await page.goto(server.url + path)
        await page.get_by_text("This link is not complete").wait_for()
        assert await page.locator("lipwire-face").is_hidden()


async def test_the_key_is_asked_for_once_and_what_was_typed_before_is_kept(locked: Server, open_page: OpenPage) -> None:
    page = await open_page(url=locked.url)
    form, field = page.locator("#key-form"), page.get_by_label("Key", exact=True)
    await form.get_by_text("This server asks for a key").wait_for()
    text = page.get_by_role("textbox", name="Say something")
    if await text.is_visible():
        await text.fill("Good morning to you")
        await text.press("Enter")
        await status(page, "asks for a key")
        assert await text.input_value() == "Good morning to you"
    await field.fill("wrong")
    await field.press("Enter")
    await form.get_by_text("mistyped, or was revoked").wait_for()
    await field.fill(KEY)
    await field.press("Enter")
    await form.wait_for(state="hidden")
    await status(page, "The key is right")
    assert not await text.is_visible() or await text.input_value() == "Good morning to you"
    await page.click("#new-session")
    await page.locator("#sessions li").get_by_text("0 viewers").wait_for()
    await page.reload()
    await page.get_by_role("button", name="End the session").click()
    await page.locator("#sessions li").wait_for(state="detached")
    assert await form.is_hidden()


async def test_a_key_lasts_as_long_as_its_owner_says_and_one_that_was_revoked_is_named(
    locked: Server, open_page: OpenPage
) -> None:
    page = await open_page(url=locked.url)
    form, field = page.locator("#key-form"), page.get_by_label("Key", exact=True)
    await field.fill(KEY)
    await field.press("Enter")
    await form.wait_for(state="hidden")
    other = await page.context.new_page()
    await other.goto(locked.url)
    await form.wait_for(state="hidden")
    await other.get_by_text("This server asks for a key").wait_for()  # it was for that tab alone
    await other.get_by_label("Key", exact=True).fill(KEY)
    await other.get_by_label("Remember it on this device").check()
    await other.get_by_role("button", name="Use this key").click()
    await other.locator("#key-form").wait_for(state="hidden")
    third = await page.context.new_page()
    await third.goto(locked.url)
    await third.wait_for_function("document.querySelector('#key-row').hidden === false")
    await third.evaluate("localStorage.setItem('lipwire.key', 'revoked-since')")
    await third.reload()
    await third.locator("#key-form").get_by_text("mistyped, or was revoked").wait_for()
