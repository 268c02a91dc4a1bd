"""``examples/converse`` in a real browser, whose microphone is a file: the face answers, and is interrupted."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.async_api import expect

from bench.server import launch
from tests.page import OpenPage
from tests.paths import ROOT
from tests.server import Server

PYTHON = ROOT / ".venv-pipecat/bin/python"
EXAMPLE = ROOT / "examples/converse"
CANNOT_DOWNLOAD = 75
INSTALL_S = 1200
ANSWER_MS = 120_000  # the file is played again and again, so what a busy machine misses comes back
QUESTION, OBJECTION = "Could you please tell me something about yourself?", "Please listen to me, what else can you do?"


@pytest.fixture(scope="module")
def framework() -> None:
    ran = subprocess.run(["sh", "tools/plugin_environment.sh", "pipecat"], cwd=ROOT, timeout=INSTALL_S)
    if ran.returncode == CANNOT_DOWNLOAD:
        pytest.skip("Pipecat is not here and cannot be downloaded: run make test-plugins once with a network")
    assert ran.returncode == 0


@pytest.fixture(scope="module")
def two_phrases(framework: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A question, time for the answer to begin, and an objection long before the answer's end."""
    folder = tmp_path_factory.mktemp("phrases")
    code = (
        "import sys, soundfile, numpy, espeak; voice = espeak.Espeak()\n"
        "for path, text in zip(sys.argv[1::2], sys.argv[2::2]):\n"
        "    pcm = numpy.frombuffer(voice.speak(text).pcm, numpy.int16)\n"
        "    soundfile.write(path, pcm, voice.sample_rate)\n"
    )
    paths = folder / "question.wav", folder / "objection.wav"
    subprocess.run([PYTHON, "-c", code, paths[0], QUESTION, paths[1], OBJECTION], cwd=EXAMPLE, check=True)
    (question, rate), (objection, _) = (soundfile.read(path, dtype="int16") for path in paths)
    silence = [np.zeros(round(rate * seconds), np.int16) for seconds in (0.5, 12, 30)]
    soundfile.write(
        folder / "both.wav", np.concatenate([silence[0], question, silence[1], objection, silence[2]]), rate
    )
    return folder / "both.wav"


@pytest.fixture
def conversation(server: Server, framework: None) -> Iterator[str]:
    served = launch([str(PYTHON), str(EXAMPLE), "--lipwire", server.url, "--port", "0"], dict(os.environ), ROOT)
    yield served.url
    served.stop()


def viewers(server: Server, session: str) -> int:
    with urllib.request.urlopen(f"{server.url}/api/sessions/{session}") as answer:
        return int(json.load(answer)["viewers"])


@pytest.mark.browser
@pytest.mark.realtime
async def test_the_face_answers_and_is_interrupted(
    server: Server, conversation: str, two_phrases: Path, open_page: OpenPage
) -> None:
    page = await open_page(f"--use-file-for-fake-audio-capture={two_phrases}", url=conversation)
    await page.get_by_role("button", name="Start the conversation").click()
    await page.wait_for_selector("#stage[data-playing]", timeout=ANSWER_MS)  # the face is seen
    watched = await page.get_attribute("#stage lipwire-face", "src") or ""
    assert viewers(server, watched.split("/watch/")[1].split("#")[0]) == 1

    await page.wait_for_function(
        """() => /face speaks(,said)*(,you speak|,interrupted){2}(,said)*,face stopped/.test(
            [...document.querySelectorAll('#log li')].map((line) => line.dataset.type).join())""",
        timeout=ANSWER_MS,
    )
    said = await page.locator("#log li[data-type=said]").first.inner_text()
    assert said.startswith("Hello! I am a face")
    assert "or so they say" not in said  # the answer's end, which was never heard
    answers = page.locator("#log li[data-type='face speaks']")
    await expect(answers.nth(await answers.count())).to_be_visible(timeout=ANSWER_MS)  # one more: it answers again
