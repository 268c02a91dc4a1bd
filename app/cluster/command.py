"""``lipwire cluster``: many stages, started on this machine, or looked at wherever they are."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path
from typing import Any

from app.config import load_settings

DAY_S = 24 * 3600
NO_EXTRA = "the cluster needs its extra, which is not installed here: pip install 'lipwire-server[cluster]'"


def add_parser(commands: Any) -> None:
    """Add the command and its actions."""
    cluster = commands.add_parser("cluster", help="several stages, which share sessions between them (Ray Serve)")
    actions = cluster.add_subparsers(required=True, metavar="ACTION")

    up = actions.add_parser("up", help="start front and stages on this machine, until Ctrl-C")
    up.add_argument("--replicas", type=int, metavar="N", help="so many stages, always")
    up.add_argument("--min", type=int, metavar="N", help="stages that are kept (LIPWIRE_STAGES_MIN)")
    up.add_argument("--max", type=int, metavar="N", help="stages that there may be at most (LIPWIRE_STAGES_MAX)")
    up.add_argument("--host", help="address to listen on (LIPWIRE_HOST)")
    up.add_argument("--port", help="port of the front (LIPWIRE_PORT)")
    up.set_defaults(run=_up)

    status = actions.add_parser("status", help="which stages there are, and how full they are")
    status.add_argument("--url", help="address of the front (LIPWIRE_FRONT_URL)")
    status.add_argument("--json", action="store_true", help="for programs")
    status.set_defaults(run=_status)

    targets = actions.add_parser("targets", help="where Prometheus finds the stages, for file_sd_configs")
    targets.add_argument("--url", help="address of the front (LIPWIRE_FRONT_URL)")
    targets.add_argument("--out", type=Path, metavar="FILE", help="the file to write; else they are printed")
    targets.add_argument("--every", type=_seconds, metavar="S", help="write it again every S seconds, until Ctrl-C")
    targets.set_defaults(run=_targets)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 1 <= seconds <= DAY_S:
        raise argparse.ArgumentTypeError(f"{text} is not from 1 to {DAY_S} seconds")
    return seconds


def _up(args: argparse.Namespace) -> int:
    if importlib.util.find_spec("ray") is None or importlib.util.find_spec("obstore") is None:
        print(f"error: {NO_EXTRA}", file=sys.stderr)
        return 2
    from app.cluster.up import up

    least = args.min if args.min is not None else args.replicas
    most = args.max if args.max is not None else args.replicas
    settings = load_settings(stages_min=least, stages_max=most, host=args.host, port=args.port)
    return up(settings, args.log_level)


def _status(args: argparse.Namespace) -> int:
    from app.cluster.status import status

    return status(load_settings(front_url=args.url), args.json)


def _targets(args: argparse.Namespace) -> int:
    from app.cluster.tell_targets import tell_targets

    return tell_targets(load_settings(front_url=args.url), args.out, args.every)
