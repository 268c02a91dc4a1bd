"""An uploaded video → a loop of pictures with one face in them, or the reason why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.avatars.avatar import VideoLoop
from app.avatars.damage import minding_the_disk
from app.avatars.footage import expected_frames, stills
from app.avatars.frame_file import FrameFile
from app.avatars.picture import PictureError
from app.avatars.track import FaceTrack
from app.disk import Disk, open_plain
from app.faces.face import FaceFinder
from app.faces.mesh import MESH_POINTS
from app.media import Image

VIDEO_MAX_BYTES = 100 * 1024 * 1024
VIDEO_MAX_SIDE = 720  # pixels of the longer side: a minute of 720 × 404 is 1.3 GB of frames
MIN_FRAMES = 12
FRAMES, MESHES = "frames.bin", "meshes.npy"

Progress = Callable[[int, int], None]  # frames done, frames expected


@dataclass(frozen=True, slots=True)
class FaceVideo:
    """A video that was read into a folder. ``first``: its first frame, BGR. ``notice``: what the user should know."""

    first: Image
    frames: int
    notice: str | None


def read_video(path: Path, disk: Disk, finder: FaceFinder, max_side: int, progress: Progress) -> FaceVideo:
    """Decode at 25 frames a second, scale down to ``max_side``, follow the face, and write both into
    ``disk.folder``, as long as the disk has room to spare.

    ``frames.bin`` gets uint8 (n, height, width, 3), BGR, even sides, as they come: few are ever in memory.
    ``meshes.npy`` gets float32 (n, 468, 2), pixels, steadied. An exception from ``progress`` ends the work.

    Raises:
        PictureError: ``video_too_large``, ``video_too_short``, ``disk_full``, ``disk_unusable``, and what
            ``footage`` and ``FaceTrack`` refuse.
    """
    if path.stat().st_size > VIDEO_MAX_BYTES:
        raise video_too_large()
    expected = expected_frames(path)
    track = FaceTrack(finder)
    first: Image | None = None
    done = 0
    with minding_the_disk(), open(disk.folder / FRAMES, "wb") as out:
        for still in stills(path, max_side):
            if first is None:
                first = still.image
                disk.require(expected * first.nbytes)
            track.add(still.image, still.frames)
            disk.require(still.frames * still.image.nbytes)  # others write too
            for _ in range(still.frames):
                out.write(still.image.data)
            done += still.frames
            progress(done, max(done, expected))
    if first is None or done < MIN_FRAMES:
        raise PictureError(
            "video_too_short", "The video is shorter than half a second. Use one of a few seconds at least."
        )
    meshes, faces = track.finish(), track.faces_at_start
    with minding_the_disk():
        np.save(disk.folder / MESHES, meshes)
    notice = f"{faces} faces were found; the one that is largest at the start will speak." if faces > 1 else None
    return FaceVideo(first, done, notice)


def load_loop(folder: Path, frames: int, width: int, height: int) -> VideoLoop:
    """Open what ``read_video`` wrote; its pictures are read from the disk as they are needed.

    Raises:
        OSError, ValueError: when it is not there, or is damaged.
    """
    with open_plain(folder / MESHES) as file:
        try:
            meshes: NDArray[np.float32] = np.load(file, allow_pickle=False)
        except EOFError as error:  # numpy's word for an empty file
            raise ValueError(f"{MESHES} is empty") from error
    if not isinstance(meshes, np.ndarray) or meshes.dtype != np.float32 or meshes.shape != (frames, MESH_POINTS, 2):
        raise ValueError(f"{MESHES} is of another video")
    if not np.isfinite(meshes).all():
        raise ValueError(f"{MESHES} holds what is no number")
    return VideoLoop(FrameFile(folder / FRAMES, frames, width, height), meshes)


def video_too_large() -> PictureError:
    """Make the refusal of a file that is too large."""
    return PictureError("video_too_large", "The file is over 100 MB. Use a shorter video, or save it smaller.")
