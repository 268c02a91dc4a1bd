"""Find the bundled portraits' landmarks and keep them: ``python -m tools.find_landmarks``, after one was drawn anew.

What is known of the others stays as it is, to the bit. Meshes are what the face finder finds. The eyes of the cast lie
where they were drawn: the model that looks for eyes finds them too narrow, and a blink would leave their corners open.
"""

from __future__ import annotations

import sys

import numpy as np

from app.avatars.avatar_folder import decode_image
from app.avatars.bundled import BUNDLED_IDS, bundled_picture
from app.faces.eyes import EyeFinder
from app.faces.face import FaceFinder
from app.faces.known_face import FILE, KnownFace, digest_of, known_face
from app.media import Image
from tools.portraits.cast import CAST_OF, eye_outlines


def main() -> int:
    """Write the file."""
    finder, eye_finder = FaceFinder(), EyeFinder()
    faces = []
    for id in BUNDLED_IDS:
        image = decode_image(bundled_picture(id).read_bytes())
        faces.append(known_face(image) or _find(id, image, finder, eye_finder))
        print(f"{id}: {faces[-1].digest}")
    np.savez_compressed(
        FILE,
        digest=np.array([face.digest for face in faces]),
        mesh=np.stack([face.mesh for face in faces]),
        eyes=np.stack([face.eyes for face in faces]),
    )
    print(f"{FILE}: {FILE.stat().st_size} bytes")
    return 0


def _find(id: str, image: Image, finder: FaceFinder, eye_finder: EyeFinder) -> KnownFace:
    boxes = finder.find(image)
    if len(boxes) != 1:
        raise SystemExit(f"{len(boxes)} faces were found, and it should be one")
    mesh = finder.mesh(image, boxes[0])
    if mesh is None:
        raise SystemExit("The face was found, and no mesh in it.")
    if id in CAST_OF:
        return KnownFace(digest_of(image), mesh, eye_outlines(id))
    eyes = eye_finder.find(image, mesh)
    return KnownFace(digest_of(image), mesh, np.array([[eye.upper, eye.lower] for eye in eyes], np.float32))


if __name__ == "__main__":
    sys.exit(main())
