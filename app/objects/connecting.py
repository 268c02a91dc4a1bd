"""From a store's address to what reads and writes it."""

from __future__ import annotations

import importlib.util
import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from app.config.wanting import SettingsError, variable
from app.objects.folder import Folder

if TYPE_CHECKING:
    from obstore.store import LocalStore, S3Store

CONNECT_S, READ_S, REQUEST_S = 3, 10, 60  # a request carries 5 MiB at most
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
RETRIES = 1
RETRY_WITHIN_S = 10


def require_obstore() -> None:
    """Make sure that the package which speaks to stores is installed.

    Raises:
        SettingsError: when it is not.
    """
    if importlib.util.find_spec("obstore") is None:
        raise SettingsError(
            f"{variable('store')} needs obstore: `pip install 'lipwire-server[cluster]'`, or `pip install obstore`."
        )


def folder_of(url: str, memory: Path | None = None) -> Folder | None:
    """Return the folder that an address names, None where it names none; ``memory`` is :class:`Folder`'s."""
    parts = urlsplit(url)
    return Folder(Path(unquote(parts.path)), memory) if parts.scheme == "file" else None


def connect(url: str, endpoint: str) -> LocalStore | S3Store:
    """Make what reads and writes the store at ``file:///folder`` or ``s3://bucket/prefix``.

    Nothing is sent yet; a folder must be there. Region, keys and whatever else S3 needs come from the usual ``AWS_*``
    variables.
    """
    from obstore.store import LocalStore, S3Store

    folder = folder_of(url)
    if folder is not None:
        return LocalStore(folder.root, automatic_cleanup=True)
    parts = urlsplit(url)
    endpoint = endpoint or next((os.environ[name] for name in ENDPOINTS if os.environ.get(name)), "")
    return S3Store(
        parts.netloc,
        config={"endpoint": endpoint} if endpoint else None,
        prefix=parts.path.strip("/") or None,
        client_options={
            "allow_http": endpoint.startswith("http://"),  # what was asked for by its address
            "connect_timeout": timedelta(seconds=CONNECT_S),
            "read_timeout": timedelta(seconds=READ_S),
            "timeout": timedelta(seconds=REQUEST_S),
        },
        retry_config={"max_retries": RETRIES, "retry_timeout": timedelta(seconds=RETRY_WITHIN_S)},
    )
