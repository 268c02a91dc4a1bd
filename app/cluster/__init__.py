"""Many machines: fronts that place sessions, stages that hold them, on Ray Serve (the extra ``cluster``).

``serve run app.cluster:app`` builds the application from the environment; see ``docs/cluster.md``.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(name)
    from app.cluster.deployment import build
    from app.config import load_settings

    return build(load_settings())
