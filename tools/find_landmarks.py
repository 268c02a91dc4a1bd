"""Find the bundled portraits' landmarks and keep them: ``python -m tools.find_landmarks``, after one was drawn anew.

What is known of the others stays as it is, to the bit. Meshes are what the face finder finds. The eyes of the cast lie
where they were drawn: the model that looks for eyes finds them too narrow, and a blink would leave their corners open.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

from app.avatars.avatar_folder import decode_image
from app.avatars.bundled import BUNDLED_IDS, bundled_picture
from app.faces.depth import DepthFinder
from app.faces.eyes import EyeFinder
from app.faces.face import FaceFinder
from app.faces.known_face import FILE, KnownFace, digest_of, known_face
from app.media import Image
from tools.portraits.cast import CAST_OF, eye_outlines, irises


def main() -> int:
    """Write the file."""
    faces = []
    for id in BUNDLED_IDS:
        image = decode_image(bundled_picture(id).read_bytes())
        known = known_face(image)
        is_whole = known is not None and known.depth is not None and known.irises is not None
        faces.append(known if known is not None and is_whole else _find(id, image, known))
        print(f"{id}: {faces[-1].digest}")
    np.savez_compressed(
        FILE,
        digest=np.array([face.digest for face in faces]),
        mesh=np.stack([face.mesh for face in faces]),
        eyes=np.stack([face.eyes for face in faces]),
        depth=np.stack([face.depth for face in faces if face.depth is not None]),
        irises=np.stack([face.irises for face in faces if face.irises is not None]),
    )
    print(f"{FILE}: {FILE.stat().st_size} bytes")
    return 0


def _find(id: str, image: Image, known: KnownFace | None) -> KnownFace:
    """Find what is not known of a face."""
    mesh = known.mesh if known is not None else _mesh(image)
    depth = DepthFinder().find(image, mesh)
    if id in CAST_OF:
        return KnownFace(digest_of(image), mesh, eye_outlines(id), depth, irises(id))
    eyes = EyeFinder().find(image, mesh)
    outlines = known.eyes if known is not None else np.array([[eye.upper, eye.lower] for eye in eyes], np.float32)
    return KnownFace(digest_of(image), mesh, outlines, depth, np.array([eye.iris for eye in eyes], np.float32))


def _mesh(image: Image) -> NDArray[np.float32]:
    finder = FaceFinder()
    boxes = finder.find(image)
    if len(boxes) != 1:
        raise SystemExit(f"{len(boxes)} faces were found, and it should be one")
    mesh = finder.mesh(image, boxes[0])
    if mesh is None:
        raise SystemExit("The face was found, and no mesh in it.")
    return mesh


if __name__ == "__main__":
    sys.exit(main())
