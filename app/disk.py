"""The disk that a folder lies on: how much of it stays free, and how to read files that anybody may have put there."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
BYTES_PER_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk of ``folder``, of which ``spare_bytes`` are left to others."""

    folder: Path
    spare_bytes: int = 0

    def require(self, needed_bytes: int) -> None:
        """Make sure that there is room for so many bytes more.

        Raises:
            OSError: ``ENOSPC`` where there is not; others where the folder is not there.
        """
        if shutil.disk_usage(self.folder).free < needed_bytes + self.spare_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.folder))


def open_plain(path: Path) -> BinaryIO:
    """Open a file for reading: a plain one, in a folder that is one, and no link to anywhere.

    Raises:
        OSError: when it is not there, cannot be read, or is something else.
    """
    if not stat.S_ISDIR(os.lstat(path.parent).st_mode):
        raise NotADirectoryError(errno.ENOTDIR, "is no folder", str(path.parent))
    # without waiting: somebody may have put a pipe there
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(errno.EINVAL, "is no plain file", str(path))
    return os.fdopen(file, "rb")


def read_plain(path: Path, most_bytes: int) -> bytes:
    """Read a plain file of at most so many bytes.

    Raises:
        OSError: as ``open_plain`` does, and when it is longer.
    """
    with open_plain(path) as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(errno.EFBIG, f"is over {most_bytes} bytes", str(path))
    return data
