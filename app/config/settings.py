"""All settings."""

from __future__ import annotations

from app.config.access import Access
from app.config.cluster import Cluster
from app.config.faces import Faces
from app.config.limits import Limits
from app.config.network import Network
from app.config.observing import Observing
from app.config.serving import Serving
from app.config.speech import SpeechSettings


class Settings(
    Cluster, Observing, SpeechSettings, Faces, Network, Limits, Access, Serving
):  # fields stand in the opposite order
    """Everything that can be set; ``load_settings`` reads each field from ``LIPWIRE_<NAME>`` in the environment."""
