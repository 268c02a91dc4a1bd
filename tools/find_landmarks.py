"""Find the bundled portrait's landmarks and keep them: ``python -m tools.find_landmarks``, after it was drawn anew."""

from __future__ import annotations

import sys

import numpy as np

from app.assets import DEFAULT_PICTURE
from app.avatars.picture import read_picture
from app.faces.depth import DepthFinder
from app.faces.eyes import EyeFinder
from app.faces.face import FaceFinder
from app.faces.known_face import FILE, digest_of


def main() -> int:
    """Write the file."""
    FILE.unlink(missing_ok=True)  # so that the models are asked
    found = read_picture(DEFAULT_PICTURE.read_bytes(), FaceFinder(), max_side=sys.maxsize)
    eyes = EyeFinder().find(found.image, found.mesh)
    outlines = np.array([[eye.upper, eye.lower] for eye in eyes], np.float32)
    np.savez_compressed(
        FILE,
        digest=digest_of(found.image),
        mesh=found.mesh,
        eyes=outlines,
        irises=np.array([eye.iris for eye in eyes], np.float32),
        depth=DepthFinder().find(found.image, found.mesh),
    )
    print(f"{FILE}: {FILE.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
