"""A video's frames on the disk once more, from the video as it was uploaded."""

from __future__ import annotations

from pathlib import Path

from app.avatars.avatar_info import AvatarInfo
from app.avatars.footage import stills
from app.avatars.picture import PictureError
from app.avatars.video import FRAMES


def write_frames(video: Path, folder: Path, info: AvatarInfo, max_side: int) -> None:
    """Decode a video into ``frames.bin``, as ``read_video`` did when it was uploaded with that ``max_side``.

    Raises:
        ValueError: when it is another one, or damaged.
        OSError: when the frames cannot be written.
    """
    done = 0
    try:
        with open(folder / FRAMES, "wb") as out:
            for still in stills(video, max_side):
                done += still.frames
                if still.image.shape != (info.height, info.width, 3) or done > info.frames:
                    break
                for _ in range(still.frames):
                    out.write(still.image.data)
    except PictureError as error:
        raise ValueError(f"its video cannot be read: {error.code}") from error
    if done != info.frames:
        raise ValueError("its video is of another size or length")
