"""``bench service``: whole WebRTC sessions against a real server: holes, delay, frame rate, and processor time."""

from __future__ import annotations

import argparse
import random

import uvloop

from bench import trial
from bench.guest import Wish
from bench.report import report
from bench.server import server
from bench.trial import Trial

ROOM = 4  # places a server has beyond those asked for, so that it is never "full" by a setting


def main(arguments: list[str] | None = None) -> int:
    """Watch a number of sessions, or find the largest number without a hole."""
    args = parse(arguments)
    found = [once(args, args.sessions or 1)]
    report("service", [each.row() for each in found], trials=[each.details() for each in found])
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the flags."""
    parser = argparse.ArgumentParser(prog="bench service")
    parser.add_argument("--sessions", type=int, help="so many, once")
    parser.add_argument("--seconds", type=float, default=30, help="of each trial, after its first 5 s")
    parser.add_argument("--engine", default="portrait")
    parser.add_argument("--jitter-ms", type=float, default=0, help="by which each chunk of sound is late, 0 to this")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(arguments)


def once(args: argparse.Namespace, sessions: int) -> Trial:
    """Start a server and watch it."""
    dice = random.Random(args.seed * 1000 + sessions)
    with server(max_sessions=str(sessions + ROOM)) as served:
        wishes = [Wish.random(dice, engine=args.engine, jitter_ms=args.jitter_ms) for _ in range(sessions)]
        return uvloop.run(trial.run(served, wishes, args.seconds))
