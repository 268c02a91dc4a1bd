"""A cluster of three machines, all of which are this one: each line on stdin takes one away, the last two never."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType

import ray
from ray import serve
from ray.cluster_utils import Cluster
from ray.serve.config import HTTPOptions

from app.cluster import deployment
from app.cluster.up import APPLICATION
from app.config import load_settings
from app.logs import set_up_logging
from tests.cluster.hasty import PACE, EasyStage

MACHINES = 3


def main() -> int:
    """Run it until Ctrl-C."""
    set_up_logging()
    settings = load_settings()
    settings = settings.model_copy(update={"front_url": f"http://127.0.0.1:{settings.port}"})
    told = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        told.set()

    setattr(deployment, "StageReplica", EasyStage)  # noqa: B010
    # a stage takes all of a machine's one core
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    others = [cluster.add_node(num_cpus=1) for _ in range(MACHINES - 1)]
    ray.init(address=cluster.address, namespace=APPLICATION)
    serve.start(http_options=HTTPOptions(host="127.0.0.1", port=settings.port))
    serve.run(deployment.build(settings, PACE), name=APPLICATION, route_prefix="/")
    signal.signal(signal.SIGINT, stop)

    def listen() -> None:
        for _ in sys.stdin:
            cluster.remove_node(others.pop(), allow_graceful=False)

    threading.Thread(target=listen, daemon=True).start()
    print(f"Lipwire is at {settings.front_url}", flush=True)
    while not told.wait(0.2):
        pass
    serve.delete(APPLICATION)
    ray.shutdown()
    cluster.shutdown()  # type: ignore[no-untyped-call]
    return 0


if __name__ == "__main__":
    sys.exit(main())
