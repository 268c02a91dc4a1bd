"""``python -m lipwire``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from lipwire import LipwireError, Unauthorized, __version__, say
from lipwire.connecting import KEY_VARIABLE
from lipwire.wav import WavError

KEY_CODES = ("key_missing", "key_invalid")


def main(arguments: Sequence[str] | None = None, program: str = "python -m lipwire") -> int:
    """Run one command; returns the exit status."""
    parser = argparse.ArgumentParser(prog=program, description="The client of Lipwire: a voice in, a talking face out.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("say", help="let a face say a text or a recording")
    say.add_arguments(command)
    command.set_defaults(run=say.run)
    args = parser.parse_args(arguments)
    try:
        return int(args.run(args))
    except Unauthorized as error:
        hint = f"; give an API key with --token or {KEY_VARIABLE}" if error.code in KEY_CODES else ""
        print(f"error: {error}{hint}", file=sys.stderr)
        return 2
    except (LipwireError, WavError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
