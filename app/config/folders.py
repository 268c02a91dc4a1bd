"""The folders that settings name, tried before anything starts."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from app.config.wanting import SettingsError, variable

KEPT_IN = ("avatars", "recordings")  # folders of the data folder


def require_folders(data_dir: Path, weights_dir: Path) -> None:
    """Find out whether the data folder can be written, and that of the weights read, where there is one.

    Raises:
        SettingsError: naming the folder and what to do.
    """
    for folder in (data_dir, *(data_dir / name for name in KEPT_IN)):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
            os.listdir(folder)
        except OSError as error:
            raise SettingsError(
                f"{folder} cannot be written ({error.strerror}); let the service's user write there, or set "
                f"{variable('data_dir')} to a folder of its own."
            ) from error
    try:
        if weights_dir.exists():
            os.listdir(weights_dir)
    except OSError as error:
        raise SettingsError(
            f"{weights_dir} cannot be read ({error.strerror}); let the service's user read it, or set "
            f"{variable('weights_dir')} to another folder."
        ) from error
