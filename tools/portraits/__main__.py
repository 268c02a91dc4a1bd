"""Draw the cast into app/avatars/cast: ``python -m tools.portraits [--draft] [--to FOLDER] [name …]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2

from app.assets import CAST
from tools.portraits.cast import CAST_OF, draw

QUALITY = 94


def main() -> int:
    """Draw and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(CAST_OF)}; all without one")
    parser.add_argument("--to", type=Path, default=CAST)
    parser.add_argument("--draft", action="store_true", help="paint it no larger than it is kept: quicker, coarser")
    args = parser.parse_args()
    unknown = set(args.names) - set(CAST_OF)
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))}: choose of {', '.join(CAST_OF)}")
    args.to.mkdir(parents=True, exist_ok=True)
    for name in args.names or CAST_OF:
        path = args.to / f"{name}.jpg"
        picture = cv2.cvtColor(draw(name, 1 if args.draft else 2), cv2.COLOR_RGB2BGR)
        full_colour = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
        cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY, *full_colour])
        print(f"{path}: {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
