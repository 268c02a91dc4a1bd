"""``lipwire cluster targets``: the stages that a front knows, as Prometheus finds them."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from app.cluster.status import NoFront, ask
from app.cluster.targets import targets, write_targets
from app.config import Settings


def tell_targets(settings: Settings, out: Path | None, every_s: float | None) -> int:
    """Print them, or write them into a file, once or again and again; returns the exit status.

    While no front answers the file stays as it is: a stage is not gone because nobody says where it is.
    """
    while True:
        try:
            stages = ask(settings)["stages"]
            if out is None:
                print(json.dumps(targets(stages), indent=1), flush=True)
            else:
                write_targets(out, stages)
        except (NoFront, OSError) as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            if every_s is None:
                return 2
        if every_s is None:
            return 0
        time.sleep(every_s)
