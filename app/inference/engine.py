"""The one seam: what an engine is, what it hears, and what it is given.

An engine prepares an avatar once, then turns (avatar, sound) pairs of any mix of sessions into pictures. It
keeps nothing about a session: all that it may hear of one is in the window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from app.inference.loudness import speech_power
from app.inference.mel import column_at
from app.media import I420, AudioSlice, FloatArray, Image


@dataclass(frozen=True, slots=True)
class Clip:
    """A video as a loop that is played forth and back, so that it never jumps.

    ``frames``: uint8 (n, height, width, 3), BGR, memory-mapped. ``meshes``: float32 (n, 468, 2), pixels, smoothed.
    """

    frames: NDArray[np.uint8]
    meshes: NDArray[np.float32]

    def index(self, position: int) -> int:
        """Return which frame stands at a position of the endless loop, 25 a second from 0."""
        last = len(self.frames) - 1
        if last == 0:
            return 0
        place = position % (2 * last)
        return min(place, 2 * last - place)


@dataclass(frozen=True, slots=True)
class Portrait:
    """A picture with a face in it, as uploaded or bundled.

    ``image``: uint8 (height, width, 3), BGR, even sides. ``mesh``: float32 (468, 2), pixels, the points of
    MediaPipe's face mesh. ``clip``: where it is a video; the picture is its first frame.
    """

    id: str
    name: str
    image: Image
    mesh: NDArray[np.float32]
    clip: Clip | None = None

    @property
    def width(self) -> int:
        """Pixels."""
        return int(self.image.shape[1])

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self.image.shape[0])


@dataclass(frozen=True, slots=True)
class MelSpan:
    """Which mel columns an engine hears for frame f: ``columns`` of them from frame ``f + first_frame`` on."""

    first_frame: int
    columns: int

    def start(self, frame: int) -> int:
        """Return the first column for ``frame``."""
        return column_at(frame + self.first_frame)


@dataclass(frozen=True)
class Window:
    """What an engine hears for one frame: its own slice, and mel float32 (80, columns) around it."""

    sound: AudioSlice
    mel: FloatArray

    @cached_property
    def power(self) -> FloatArray:
        """How loud speech is in each column, float32 (columns,): mouth and head both follow it."""
        return speech_power(self.mel)


class Life(Protocol):
    """What a face does by itself. Any thread may draw; it takes milliseconds."""

    def emphasis(self, window: Window) -> float:
        """Return how strongly the face speaks in a window, 0…1."""
        ...

    def at_rest(self, position: int, emphasis: float) -> I420:
        """Draw the face with its mouth at rest, so many slots into its own time.

        ``emphasis``: what is left of the last words'.
        """
        ...


class Prepared(Protocol):
    """An avatar made ready by an engine; everything else in it is the engine's own."""

    @property
    def moving(self) -> bool:
        """Whether it is a video: then each picture costs its preparation too."""
        ...

    @property
    def life(self) -> Life | None:
        """What it does by itself at rest; None: :meth:`rest` is all there is to see."""
        ...

    def calmed(self) -> Prepared:
        """Return the same avatar without a life of its own, which costs less to draw; itself where it has none."""
        ...

    def rest(self, position: int) -> I420:
        """Return the picture at rest. Cheap: called on the event loop for every hold."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """One picture to make. ``prepared`` was made by the engine that gets the job.

    ``position``: where its slot lies in the avatar's own time, 25 a second; a video shows its frame of then.
    """

    prepared: Any
    window: Window
    position: int = 0


class Engine(Protocol):
    """Something that makes a face speak."""

    name: str
    span: MelSpan | None  # None: the frame's own slice is enough
    max_batch: int

    def prepare(self, portrait: Portrait) -> Prepared:
        """Do all that depends on the avatar alone. Called once, away from the event loop and the worker.

        It must not touch the accelerator: what belongs there moves at the first ``render``.
        """
        ...

    def render(self, jobs: Sequence[Job]) -> list[I420]:
        """Make one picture a job, in order. Called on the inference thread only."""
        ...
