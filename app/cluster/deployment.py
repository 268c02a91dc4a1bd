"""The application for Ray Serve: fronts, stages, and the directory between them."""

from __future__ import annotations

import logging
import math
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import ray
from ray import serve
from ray.serve.config import AutoscalingConfig
from ray.serve.schema import LoggingConfig

from app.api.tokens import SECRET_BYTES
from app.cluster.front_replica import FrontReplica
from app.cluster.pace import Pace
from app.cluster.ray_directory import DirectoryActor
from app.cluster.stage_replica import FRONT, StageReplica
from app.config import Settings, SettingsError

logger = logging.getLogger(__name__)

ROOM = 0.75  # of the stages' places are taken where the number of stages is right
GROWTH = (
    4.0  # of what is missing so much is started: who is refused is not seen, so a full cluster seems to lack a third
)
GOODBYE_S = 30.0  # beside what sessions get: for what is written and closed behind them
MOST_REQUESTS = 1000  # at once to a front, and to the directory
WAITING = 8  # calls that may wait for a place, of one front
ENVIRONMENT = {"env_vars": {"RAY_USAGE_STATS_ENABLED": "0"}}


def build(settings: Settings, pace: Pace | None = None, log_level: str = "info") -> Any:
    """Return the application, to be given to ``serve.run``.

    Raises:
        SettingsError: where settings do not fit together.
    """
    pace = pace or Pace()
    if settings.stages_max < settings.stages_min:
        raise SettingsError("LIPWIRE_STAGES_MAX must be at least LIPWIRE_STAGES_MIN.")
    said = shared(settings).model_dump()
    logs = quiet(log_level)
    directory = _deployment(
        DirectoryActor,
        "Directory",
        logging_config=logs,
        max_ongoing_requests=MOST_REQUESTS,
        ray_actor_options=_options(0),
    ).bind(log_level)
    stages = _deployment(
        StageReplica,
        "Stage",
        logging_config=logs,
        max_ongoing_requests=settings.max_sessions,
        max_queued_requests=WAITING,
        autoscaling_config=AutoscalingConfig(
            min_replicas=settings.stages_min,
            max_replicas=settings.stages_max,
            target_ongoing_requests=ROOM * settings.max_sessions,
            upscale_delay_s=pace.up_s,
            upscaling_factor=GROWTH,
            downscale_delay_s=pace.down_s,
            look_back_period_s=pace.look_back_s,
        ),
        graceful_shutdown_timeout_s=max(settings.move_s, settings.drain_s) + GOODBYE_S,
        graceful_shutdown_wait_loop_s=0.5,
        health_check_period_s=5,
        ray_actor_options=_options(settings.stage_cores, settings.stage_gpus),
    ).bind(said, directory, log_level)
    machines = ray.nodes() if ray.is_initialized() else []  # type: ignore[no-untyped-call]
    return _deployment(
        FrontReplica,
        FRONT,
        logging_config=logs,
        num_replicas=settings.fronts,
        max_replicas_per_node=fronts_of_a_machine(settings.fronts, machines),
        max_ongoing_requests=MOST_REQUESTS,
        graceful_shutdown_wait_loop_s=0.5,
        graceful_shutdown_timeout_s=5,
        ray_actor_options=_options(pace.front_cores),
    ).bind(said, stages, directory, log_level)


def fronts_of_a_machine(fronts: int, machines: Sequence[Mapping[str, Any]]) -> int | None:
    """Return how many fronts one machine may have, so that it never takes all of them along; None: any number.

    Ray only prefers to spread them, and what fronts know outlives the directory. ``machines``: as Ray lists them; who
    has no cores runs none. Where only one has, it runs all.
    """
    able = sum(machine["Alive"] and machine["Resources"].get("CPU", 0) > 0 for machine in machines)
    return math.ceil(fronts / able) if able > 1 else None


def shared(settings: Settings) -> Settings:
    """Return the settings as all replicas have them: with a secret for all, and a store that they share."""
    update: dict[str, object] = {
        "data_dir": settings.data_dir.absolute(),
        "weights_dir": settings.weights_dir.absolute(),
    }
    if not settings.token_secret:
        logger.info("cluster: tokens are signed with a new secret; set LIPWIRE_TOKEN_SECRET to have them outlive this")
        update["token_secret"] = secrets.token_hex(SECRET_BYTES)
    if not settings.store:
        update["store"] = f"file://{settings.data_dir.absolute() / 'store'}"
        logger.info(
            "cluster: avatars and recordings are kept in %s; set LIPWIRE_STORE for many machines", update["store"]
        )
    return settings.model_copy(update=update)


def _deployment(kept: type, name: str, **options: Any) -> Any:
    return serve.deployment(kept, name=name, **options)


def quiet(log_level: str) -> LoggingConfig:
    """Return what Serve writes: warnings, and with ``debug`` everything; our own lines pass whatever it says.

    Calls are no news: cards come each second, and paths hold references.
    """
    return LoggingConfig(enable_access_log=False, log_level="INFO" if log_level == "debug" else "WARNING")


def _options(cores: float, gpus: float = 0) -> dict[str, Any]:
    return {"num_cpus": cores, "num_gpus": gpus, "runtime_env": ENVIRONMENT}
