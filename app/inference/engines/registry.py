"""The engines by name: which there are, which can run here, and what ``auto`` means."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.checkpoints.manifest import WeightsError, find_checkpoint
from app.checkpoints.torch_extra import TorchMissing
from app.inference.engine import Engine
from app.inference.engines.clapper import Clapper
from app.inference.engines.portrait.engine import PortraitEngine
from app.inference.engines.portrait.viseme_net import NET_WEIGHTS
from app.inference.engines.wav2lip.select_backend import require_loadable, select_backend

AUTO = "auto"


class NoSuchEngine(LookupError):
    """No engine has that name."""


class EngineUnavailable(RuntimeError):
    """The engine cannot run here; the message says what it needs."""


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """One engine, for listing. ``why`` says what is missing, empty when nothing is."""

    name: str
    available: bool
    why: str


class Engines:
    """Makes each engine once, at its first use. Safe to call from any thread; loading takes seconds.

    ``life``: faces blink, breathe and sway, where an engine can draw that.
    """

    def __init__(
        self,
        weights_dir: Path,
        default: str = AUTO,
        threads: int = 0,
        checkpoint: Path | None = None,
        life: bool = True,
    ) -> None:
        self._weights_dir, self._default, self._threads = weights_dir, default, threads
        self._checkpoint, self._life = checkpoint, life
        self._lock = threading.Lock()
        self._made: dict[str, Engine] = {}
        self._makers: dict[str, Callable[[], Engine]] = {
            "portrait": lambda: PortraitEngine(self._life, self._found("portrait") or NET_WEIGHTS),
            "wav2lip": self._make_wav2lip,
            "clapper": Clapper,
        }

    def add(self, engine: Engine) -> None:
        """Offer an engine under its own name, in place of one that has it."""
        with self._lock:
            self._made[engine.name] = engine
            self._makers[engine.name] = lambda: engine

    def resolve(self, name: str) -> str:
        """Return the engine that a name means: ``auto`` is the setting's, else Wav2Lip where it has weights.

        Raises:
            NoSuchEngine: when there is none of that name.
        """
        if name == AUTO:
            name = self._default
        if name == AUTO:
            name = "wav2lip" if self._wav2lip_checkpoint() else "portrait"
        if name not in self._makers:
            raise NoSuchEngine(name)
        return name

    def get(self, name: str) -> Engine:
        """Return an engine, made at its first use.

        Raises:
            NoSuchEngine: when there is none of that name.
            EngineUnavailable: when it cannot run here.
        """
        name = self.resolve(name)
        with self._lock:
            if name not in self._made:
                try:
                    self._made[name] = self._makers[name]()
                except WeightsError as error:
                    raise EngineUnavailable(str(error)) from error
            return self._made[name]

    @property
    def names(self) -> list[str]:
        """Which there are."""
        return list(self._makers)

    def statuses(self) -> list[EngineStatus]:
        """Return every engine's status, without loading any. It looks for files: call it off the event loop."""
        found = []
        for name in self._makers:
            why = self._why_no_wav2lip() if name == "wav2lip" else ""
            found.append(EngineStatus(name, not why, why))
        return found

    def _why_no_wav2lip(self) -> str:
        path = self._wav2lip_checkpoint()
        if path is None:
            return f"It needs a checkpoint in {self._weights_dir.name}/: `lipwire weights fetch wav2lip-gan`."
        try:
            require_loadable(path)
        except TorchMissing as error:
            return str(error)
        return ""

    def _wav2lip_checkpoint(self) -> Path | None:
        return self._checkpoint or self._found("wav2lip")

    def _found(self, engine: str) -> Path | None:
        try:
            return find_checkpoint(self._weights_dir, engine)
        except WeightsError:
            return None

    def _make_wav2lip(self) -> Engine:
        path = self._wav2lip_checkpoint()
        if path is None:
            raise EngineUnavailable(
                f"wav2lip needs a checkpoint in {self._weights_dir.name}/: `lipwire weights fetch wav2lip-gan`."
            )
        # OpenVINO and torch take a while to import: only who uses this engine waits for that
        from app.inference.engines.wav2lip.engine import Wav2LipEngine

        return Wav2LipEngine(select_backend(path, self._threads))
