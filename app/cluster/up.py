"""``lipwire cluster up``: Ray, Serve, the front and its stages on this machine, from one command to one Ctrl-C."""

from __future__ import annotations

import logging
import math
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from app.access.key_ring import KeyRing
from app.cluster.pace import Pace
from app.config import Settings, SettingsError
from app.config.folders import require_folders
from app.provenance.credentials import CredentialsError
from app.server import WITHOUT_KEYS, bound_host, check_ports

logger = logging.getLogger(__name__)

APPLICATION = "lipwire"
STOPS = (signal.SIGINT, signal.SIGTERM)
CHECK_S = 0.2
EVERYWHERE, LOCAL = ("0.0.0.0", "::"), "127.0.0.1"
GOODBYE_S = 20.0  # beside what sessions get
COUNTING = (
    "RAY_SERVE_REPLICA_AUTOSCALING_METRIC_PUSH_INTERVAL_S",
    "RAY_SERVE_HANDLE_AUTOSCALING_METRIC_PUSH_INTERVAL_S",
)
LOGIN = "RAY_AUTH_MODE"
PATIENCE = {"RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60"}  # for a proxy to start; Serve itself gives up after 5 s
NICENESS = "RAY_worker_niceness"  # of stages and fronts: Ray's own is 15, as if they were work that can wait
BELIEVED = "FORWARDED_ALLOW_IPS"  # of whom Serve's own server believes where a client is: nobody, as fronts know better
SERVE = "ray.serve"  # its logger, in this process
INTERRUPTED = 130
STOPPED = "Stopped before it was there."
NOT_STARTED = (
    "the cluster could not be started: {why} A busy machine may need another try; "
    "`lipwire --log-level debug cluster up` says more."
)
REASON_MOST = 200  # characters
SPARE_CORES = 1  # of those that Ray counts, so that nothing waits for any


def up(settings: Settings, log_level: str = "info", pace: Pace | None = None) -> int:
    """Run the cluster until a signal; returns the exit status."""
    try:
        settings = _for_here(settings)
        if settings.stages_max < settings.stages_min:
            raise SettingsError("LIPWIRE_STAGES_MAX must be at least LIPWIRE_STAGES_MIN.")
        require_no_ray()
        check_ports(settings)
        require_folders(settings.data_dir, settings.weights_dir)
    except (CredentialsError, SettingsError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    pace = pace or Pace()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ[BELIEVED] = ""
    os.environ.setdefault(LOGIN, "token")  # what Ray would do by itself, and warn of
    os.environ.setdefault(NICENESS, "0")  # as `lipwire serve` has it: media are due now
    for name, text in {**PATIENCE, **{each: str(pace.count_s) for each in COUNTING}}.items():
        os.environ.setdefault(name, text)  # what Ray's processes inherit
    print("Starting Ray, the front and its stages; this takes half a minute.", file=sys.stderr, flush=True)
    return _run(settings, log_level, pace)


def _run(settings: Settings, log_level: str, pace: Pace) -> int:
    told = Told()
    with told.heard():
        try:
            _start(settings, log_level, pace)
            told.has_started()
            print(f"Lipwire is at {settings.front_url}  (Ctrl-C stops it)", flush=True)
        except KeyboardInterrupt:
            print(STOPPED, file=sys.stderr, flush=True)
            return INTERRUPTED
        except Exception as error:  # Ray raises them of every kind
            logger.debug("cluster: could not be started", exc_info=error)
            print(f"error: {NOT_STARTED.format(why=_first_line(error))}", file=sys.stderr, flush=True)
            return 1
        else:
            told.wait()
            _end(settings, told)
            return 0
        finally:
            _leave_ray()


def _start(settings: Settings, log_level: str, pace: Pace) -> None:
    """Return once sessions can be placed.

    Raises:
        Exception: whatever Ray makes of a machine that cannot, or has no time.
    """
    import ray
    from ray import serve
    from ray.serve.config import HTTPOptions

    from app.cluster.deployment import build, quiet

    application = build(settings, pace, log_level)
    cores = settings.stage_cores * settings.stages_max + pace.front_cores * settings.fronts + SPARE_CORES
    ray.init(
        address="local",
        include_dashboard=False,
        num_cpus=math.ceil(cores),
        num_gpus=math.ceil(settings.stage_gpus * settings.stages_max) or None,
        namespace=APPLICATION,
        logging_level=logging.INFO if log_level == "debug" else logging.WARNING,
    )
    logging.getLogger(SERVE).setLevel(quiet(log_level).log_level)
    serve.start(
        http_options=HTTPOptions(
            host=settings.host,
            port=settings.port,
            ssl_certfile=settings.ssl_certfile,
            ssl_keyfile=settings.ssl_keyfile,
        ),
        logging_config=quiet(log_level),
    )
    serve.run(application, name=APPLICATION, route_prefix="/")


def _leave_ray() -> None:
    """End every process of Ray's that was started; it may be half imported, or half started."""
    shutdown = getattr(sys.modules.get("ray"), "shutdown", None)
    if shutdown is not None:
        try:
            shutdown()
        except Exception as error:
            logger.debug("cluster: Ray did not end in order", exc_info=error)


def _first_line(error: Exception) -> str:
    """Return what is wrong, in a line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = lines[0] if lines else type(error).__name__
    if len(said) > REASON_MOST:
        said = said[:REASON_MOST].rpartition(". ")[0] or f"{said[:REASON_MOST]}…"
    return said if said.endswith((".", "!", "?")) else f"{said}."


class Told:
    """Signals to stop, as they come: one ends the cluster in order, one more at once.

    While it starts, the first one breaks that off, and the others are not heard.
    """

    def __init__(self) -> None:
        self._once, self._again = threading.Event(), threading.Event()
        self._is_starting = True

    def hear(self, number: int, frame: FrameType | None) -> None:
        """Take a signal.

        Raises:
            KeyboardInterrupt: while the cluster starts.
        """
        is_first = not self._once.is_set()
        (self._once if is_first else self._again).set()
        if is_first and self._is_starting:
            raise KeyboardInterrupt

    def has_started(self) -> None:
        """Take it that there is something to end in order.

        Raises:
            KeyboardInterrupt: a signal came that Ray has swallowed.
        """
        self._is_starting = False
        if self._once.is_set():
            raise KeyboardInterrupt

    def wait(self) -> None:
        """Wait for the first."""
        while not self._once.wait(CHECK_S):  # a signal is taken between two waits
            pass

    @property
    def is_hurried(self) -> bool:
        """Whether there was another."""
        return self._again.is_set()

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Take signals meanwhile."""
        before = {each: signal.signal(each, self.hear) for each in STOPS}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


def _end(settings: Settings, told: Told) -> None:
    """Let sessions end, then stages and front."""
    from ray import serve

    print("Stopping; once more leaves at once.", file=sys.stderr, flush=True)
    ending = threading.Thread(target=serve.delete, args=(APPLICATION,), name="delete", daemon=True)
    ending.start()
    until_s = time.monotonic() + settings.drain_s + GOODBYE_S
    while ending.is_alive() and not told.is_hurried and time.monotonic() < until_s:
        ending.join(CHECK_S)


def require_no_ray() -> None:
    """See that no Ray runs here that ours would be mistaken for.

    Raises:
        SettingsError: where one does.
    """
    if address := os.environ.get("RAY_ADDRESS"):
        raise SettingsError(f"RAY_ADDRESS is set ({address}): there, run `serve run app.cluster:app` instead.")
    noted = Path(os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()) / "ray" / "ray_current_cluster"
    try:
        address = noted.read_text().strip()
        host, _, port = address.rpartition(":")
        socket.create_connection((host, int(port)), timeout=1).close()
    except (OSError, ValueError):
        return
    raise SettingsError(
        f"Ray is already running on this machine ({address}): run `serve run app.cluster:app` in it, or end it first "
        "with `ray stop`."
    )


def _for_here(settings: Settings) -> Settings:
    """Return the settings with the address that is listened on, and the front's where nobody said otherwise."""
    host = bound_host(settings, KeyRing.of(settings).is_wanted)
    if host != settings.host:
        print(WITHOUT_KEYS.format(asked=settings.host, bound=host), file=sys.stderr, flush=True)
    update: dict[str, object] = {"host": host}
    if "front_url" not in settings.model_fields_set:
        scheme = "https" if settings.ssl_certfile else "http"
        reached = LOCAL if host in EVERYWHERE else host
        update["front_url"] = f"{scheme}://{f'[{reached}]' if ':' in reached else reached}:{settings.port}"
    return settings.model_copy(update=update)
