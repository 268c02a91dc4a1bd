"""Where what comes with Lipwire lies: inside the wheel, or in the checkout beside the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

_PACKAGE = Path(str(files("app")))
CHECKOUT = _PACKAGE.parent  # the repository's root; means nothing where ``in_checkout()`` is False


def in_checkout() -> bool:
    """Whether this runs from a checkout, and not from a wheel."""
    return not (_PACKAGE / "web").is_dir()


def _bundled(name: str) -> Path:
    """Return a bundled folder: a wheel holds it inside the package, a checkout at its root."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else CHECKOUT / name


WEB = _bundled("web")
WEIGHTS = _bundled("weights")
SAMPLE = WEB / "assets" / "sample.wav"  # speech, 22.05 kHz
DEFAULT_PICTURE = _PACKAGE / "avatars" / "default.png"
CAST = _PACKAGE / "avatars" / "cast"  # the other faces that come with it: NAME.jpg
CAST_IDS = ("amara", "kenji", "priya", "rafael", "ingrid", "bolt")  # an uploaded one's id is 24 hexadecimal digits
LANDMARKS_LOCK = _PACKAGE / "faces" / "landmarks.txt"  # the wheel with the landmark files, by its hash
