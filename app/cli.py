"""The command line: ``serve``, ``cluster``, ``render``, ``say``, ``bench``, ``doctor``, ``keys``, ``weights``"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from app import __version__
from app.assets import CAST_IDS, in_checkout
from app.cluster import command as cluster
from app.commands import keys, moods, weights
from app.config import Settings, SettingsError, load_settings, shown_default, variable
from app.leaving import let_ctrl_c_leave
from app.logs import set_up_logging

BENCHES = (
    "wav2lip",
    "portrait",
    "encode",
    "service",
    "sync",
    "delay",
    "interrupt",
    "say",
    "network",
    "agents",
    "whep",
    "siege",
    "soak",
    "placement",
    "cluster",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    args = _parser().parse_args(arguments)
    # before the settings are read, as reading them may warn; they check its value
    set_up_logging(args.log_level, as_json=os.environ.get(variable("log_format")) == "json")
    try:
        return int(args.run(args))
    except SettingsError as error:
        return _complain(str(error))
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lipwire", description="Lipwire: a voice in, a talking face out.")
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--log-level", default="info", choices=["debug", "info", "warning", "error"])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="serve the page and the API")
    for name in ("host", "port", "ssl_certfile", "ssl_keyfile", "engine", "life"):
        _add_setting(serve, name)
    serve.set_defaults(run=_serve)

    render = commands.add_parser("render", help="write a film from a picture and a recording")
    whose = render.add_mutually_exclusive_group(required=True)
    whose.add_argument("--face", type=Path, help='a picture or a video with a face, or "default"')
    whose.add_argument("--avatar", choices=["default", *CAST_IDS], help="a face that comes with Lipwire")
    render.add_argument("--audio", type=Path, required=True, help="WAV, FLAC, Ogg or MP3")
    render.add_argument("--out", type=Path, required=True, help=".mp4, .webm (VP9) or .mov (ProRes 4444)")
    render.add_argument("--engine", default="auto")
    render.add_argument("--checkpoint", type=Path, help="a Wav2Lip checkpoint outside weights/")
    render.add_argument("--crop", default="keep", help="portrait, square or landscape, around the face (default: keep)")
    render.add_argument(
        "--background",
        default="keep",
        help="blur, green, a colour such as #1f6feb, a picture, or transparent, for .webm and .mov (default: keep)",
    )
    render.add_argument("--mood", action="append", default=[], metavar=moods.FORM, help=moods.HELP)
    _add_setting(render, "life")
    render.set_defaults(run=_render)

    bench = commands.add_parser("bench", help="measure, from a checkout; the last line is JSON")
    bench.add_argument("name", choices=BENCHES)
    bench.add_argument("flags", nargs=argparse.REMAINDER, help="the bench's own; -h says which")
    bench.set_defaults(run=_bench)

    doctor = commands.add_parser("doctor", help="say what would fail here, and what to do; 1 where something would")
    doctor.add_argument("--json", action="store_true", help="for programs")
    doctor.set_defaults(run=_doctor)

    # the client knows its flags; with another prefix none of them is taken for one of ours
    say = commands.add_parser("say", help="let a face say a text or a recording", add_help=False, prefix_chars="\0")
    say.add_argument("flags", nargs="*")
    say.set_defaults(run=_say)

    keys.add_parser(commands)
    weights.add_parser(commands)
    cluster.add_parser(commands)

    setup = commands.add_parser("setup", help="install the face landmark files, which pip cannot")
    setup.add_argument("--yes", action="store_true", help="do not ask")
    setup.set_defaults(run=_setup)
    return parser


def _add_setting(parser: argparse.ArgumentParser, name: str) -> None:
    """Let a flag override a setting; what it may be is checked with the variable."""
    origin = ", ".join(filter(None, (variable(name), shown_default(name))))
    is_switch = Settings.model_fields[name].annotation is bool
    parser.add_argument(
        f"--{name.replace('_', '-')}",
        action=argparse.BooleanOptionalAction if is_switch else "store",
        help=f"{Settings.model_fields[name].description} ({origin})",
    )


def _serve(args: argparse.Namespace) -> int:
    let_ctrl_c_leave()  # while modules load, there is nothing to end
    from app.server import serve

    flags = {name: value for name, value in vars(args).items() if name in Settings.model_fields}
    return serve(load_settings(**flags))


def _render(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from app.avatars.bundled import bundled_picture
    from app.avatars.framing import Framing, crop_of
    from app.avatars.picture import PictureError
    from app.avatars.reframed import with_background
    from app.avatars.store import DEFAULT_ID, AvatarStore
    from app.commands.render import RenderError, background_named, render_file
    from app.faces.face import FaceFinder, LandmarkFilesMissing
    from app.inference.engines.registry import AUTO, Engines, EngineUnavailable, NoSuchEngine
    from app.provenance.credentials import CredentialsError
    from app.provenance.origin import Origin

    settings = load_settings(life=args.life)
    wanted = "wav2lip" if args.checkpoint and args.engine == AUTO else args.engine
    engines = Engines(settings.weights_dir, settings.engine, settings.threads, args.checkpoint, settings.life)
    try:
        looks, origin = moods.looks_of(args.mood), Origin.of(settings)
        engine = engines.get(wanted)
        with tempfile.TemporaryDirectory(prefix="lipwire-") as folder:
            store = AvatarStore(Path(folder), FaceFinder(), settings.max_side, max_avatars=1)
            background, framing = background_named(args.background), Framing(crop_of(args.crop))
            name = DEFAULT_ID if str(args.face) == DEFAULT_ID else args.avatar
            picture = args.face if name is None else bundled_picture(name)
            is_known = name is not None and not framing.changes
            face = store.info(name) if is_known else store.add(picture, picture.stem, framing=framing)
            avatar, notices = with_background(store.load(face.id), background)
            for notice in filter(None, (face.notice, *notices)):
                print(notice, file=sys.stderr)
            with tqdm(unit=" frames", desc=engine.name) as bar:
                count = render_file(engine, avatar, args.audio, args.out, origin, bar.update, looks)
                seconds = bar.format_dict["elapsed"]
    except NoSuchEngine as error:
        return _complain(
            f'There is no engine "{error}"; choose one of {", ".join(s.name for s in engines.statuses())}.'
        )
    except (
        CredentialsError,
        EngineUnavailable,
        LandmarkFilesMissing,
        moods.MoodError,
        PictureError,
        RenderError,
        OSError,
    ) as error:
        return _complain(str(error))
    print(f"{args.out}: {count} frames, {count / max(seconds, 1e-3):.0f} frames/s")
    return 0


def _bench(args: argparse.Namespace) -> int:
    if not in_checkout():
        return _complain("bench runs from a checkout only: the benches are not part of the package.")
    return int(importlib.import_module(f"bench.{args.name}").main(args.flags))


def _say(args: argparse.Namespace) -> int:
    from app.commands.say import say

    return say(args.flags)


def _doctor(args: argparse.Namespace) -> int:
    from app.commands.doctor.diagnose import diagnose

    return diagnose(load_settings(), args.json)


def _setup(args: argparse.Namespace) -> int:
    from app.commands.setup import SetupError, find_installer, set_up

    try:
        set_up(args.yes, input if sys.stdin.isatty() else None, print, find_installer())
    except SetupError as error:
        return _complain(str(error))
    return 0


def _complain(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2
