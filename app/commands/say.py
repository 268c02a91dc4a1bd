"""``lipwire say``: the client's command of that name, where the client is installed."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence


def say(arguments: Sequence[str]) -> int:
    """Let the client say a text or a recording; returns the exit status."""
    try:
        client = importlib.import_module("lipwire.__main__")
    except ModuleNotFoundError as missing:
        if missing.name not in ("lipwire", "lipwire.__main__"):
            raise
        print(
            "error: this needs Lipwire's client, which is not installed: pip install lipwire "
            "(in a checkout: pip install ./clients/python)",
            file=sys.stderr,
        )
        return 2
    status: int = client.main(["say", *arguments], "lipwire")
    return status
