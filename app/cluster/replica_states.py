"""Which replicas Serve is stopping: it tells them nothing before their end, and they must have moved by then."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from ray import serve
from ray.exceptions import RayError
from ray.serve.context import _get_global_client

logger = logging.getLogger(__name__)

STOPPING, DELETING = "STOPPING", "DELETING"


@dataclass(frozen=True, slots=True)
class Stopping:
    """Ids of replicas that are being stopped, and whether all of the application's are."""

    replicas: frozenset[str] = field(default_factory=frozenset)
    all_end: bool = False

    def holds(self, replica: str) -> bool:
        """Whether a replica is being stopped: when all end, Serve may name none any more."""
        return self.all_end or replica in self.replicas


def read_stopping() -> Stopping | None:
    """Ask Serve's controller about the application of this replica; None where it does not answer. Blocks."""
    try:
        client = _get_global_client()
        assert client is not None  # or it raises
        details = client.get_serve_details()
        application = details["applications"].get(serve.get_replica_context().app_name)
    except (RayError, KeyError) as error:
        logger.warning("replicas: Serve does not say how they are: %s", type(error).__name__)
        return None
    if application is None:
        return Stopping(all_end=True)
    replicas = [replica for each in application["deployments"].values() for replica in each["replicas"]]
    stopping = frozenset(str(replica["replica_id"]) for replica in replicas if replica["state"] == STOPPING)
    return Stopping(stopping, application["status"] == DELETING)
