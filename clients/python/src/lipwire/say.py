"""The command ``say``: a face says a text or a recording."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
import threading
from pathlib import Path
from typing import Any, cast

from lipwire.connecting import DEFAULT_URL, KEY_VARIABLE, URL_VARIABLE, connect
from lipwire.face import Face
from lipwire.mood import MOODS, Mood, MoodName
from lipwire.utterance import Utterance
from lipwire.wav import WavFile

OPTIONS = ("avatar", "engine", "record")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what it takes."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--text", help="what to say; the server makes the voice")
    what.add_argument("--wav", type=Path, help="what to say, as a recording: 16-bit PCM or 32-bit float")
    parser.add_argument("--voice", help="which voice says the text")
    parser.add_argument("--mood", type=_mood, metavar="NAME[:STRENGTH]", help=f"how the face looks: {', '.join(MOODS)}")
    parser.add_argument("--url", help=f"the server's ({URL_VARIABLE}, else {DEFAULT_URL})")
    parser.add_argument("--token", help=f"an API key, where the server wants one ({KEY_VARIABLE})")
    parser.add_argument(
        "--avatar", help="which face says it: default, amara and the like, or the id of one of your own"
    )
    parser.add_argument("--engine", help="what draws it")
    parser.add_argument(
        "--record", action="store_true", default=None, help="let the server record it, and print where the MP4 is"
    )
    parser.add_argument("--session", help="say it in a session that exists, with --feed-token or an API key")
    parser.add_argument("--feed-token", help="what opens that session")
    parser.add_argument("--wait-for-viewer", action="store_true", help="begin when somebody watches")
    parser.add_argument("--keep", action="store_true", help="leave the session open at the end")


async def say(args: argparse.Namespace) -> int:
    """Say it, and wait until it has played; returns the exit status.

    Raises:
        LipwireError: what the server refused or failed at.
        OSError: where the recording cannot be read; :class:`WavError` where it is none.
    """
    options: dict[str, Any] = {name: getattr(args, name) for name in OPTIONS if getattr(args, name) is not None}
    with contextlib.ExitStack() as stack:
        recording = None if args.wav is None else stack.enter_context(WavFile(args.wav))
        async with connect(
            args.url, token=args.token, session=args.session, feed_token=args.feed_token, keep=args.keep, **options
        ) as face:
            print(f"watch: {face.watch_url}", flush=True)
            if args.record:
                print(f"recording: {face.recording_url}", flush=True)
            if args.wait_for_viewer:
                await face.wait_for_viewer()
            watched = face.viewers > 0
            utterance = await (_say(face, args) if recording is None else _play(face, recording, args.mood))
            played_ms, interrupted = await utterance.played()
            watched = watched or face.viewers > 0
    print(f"played {played_ms / 1000:.1f} s" + (", then it was interrupted" if interrupted else ""), flush=True)
    if not (watched or args.record):
        print("nobody watched; with --wait-for-viewer it begins when somebody does", file=sys.stderr)
    return 1 if interrupted else 0


def _mood(said: str) -> Mood:
    name, _, strength = said.partition(":")
    try:
        return Mood(cast(MoodName, name), float(strength or 1))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


async def _say(face: Face, args: argparse.Namespace) -> Utterance:
    return await face.say(args.text, args.voice, mood=args.mood)


async def _play(face: Face, recording: WavFile, mood: Mood | None) -> Utterance:
    format = recording.format
    async with face.utterance(format.sample_rate, format.channels, format.encoding, mood=mood) as utterance:
        for block in recording:
            await utterance.send(block)
    return utterance


def run(args: argparse.Namespace) -> int:
    """Run the command; who terminates it ends its session too, as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():  # signals are somebody else's
        return asyncio.run(say(args))
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return asyncio.run(say(args))
    finally:
        signal.signal(signal.SIGTERM, before)
