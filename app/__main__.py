"""Run the command line: ``python -m app``, and ``lipwire`` where the package is installed."""

import signal
import sys

from app.leaving import SIGNALLED, let_ctrl_c_leave


def run() -> int:
    """Run one command; returns the exit status. Ctrl-C ends it without a traceback, whenever it comes."""
    let_ctrl_c_leave()  # modules take a second to load, and leave nothing behind
    from app.cli import main

    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return main()
    except KeyboardInterrupt:
        return SIGNALLED + signal.SIGINT
    finally:
        let_ctrl_c_leave()


if __name__ == "__main__":
    sys.exit(run())
