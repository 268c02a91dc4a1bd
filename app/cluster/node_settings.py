"""What belongs to a machine is said by that machine: its own environment counts before the cluster's settings."""

from __future__ import annotations

import os
from collections.abc import Mapping

from app.config import Settings, load_settings, variable

# how this machine is reached; all else is the same everywhere. None of them has a flag, which would count before
OF_A_NODE = ("ice_address", "ice_ports", "stage_ports", "stage_url")


def of_this_node(settings: Settings, environment: Mapping[str, str] | None = None) -> Settings:
    """Return the cluster's settings with what this machine says of itself.

    Ray's processes have the environment in which Ray was started on their machine.

    Raises:
        SettingsError: naming the variable of this machine that cannot be used.
    """
    environment = os.environ if environment is None else environment
    named = {variable(name): name for name in OF_A_NODE}
    own = {name: text for name, text in environment.items() if name in named and text}
    if not own:
        return settings
    read = load_settings(own)  # checked, and each of its own type
    return settings.model_copy(update={named[name]: getattr(read, named[name]) for name in own})
