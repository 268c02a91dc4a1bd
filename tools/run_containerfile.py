"""Do what deploy/Containerfile says, without a container engine: ``python -m tools.run_containerfile ROOT``.

ROOT is a fresh Debian (``debootstrap --variant=minbase trixie ROOT``). Each stage is a copy of it; its RUN lines run
inside. Then the last stage's command runs as its user, as ``compose.yaml`` has it: the root file system read-only, but
for /data and /tmp. Its health check must pass, and SIGTERM must end it with status 0. Wants root.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import Request, urlopen

KEY = "k" * 32
CONTEXT = Path(__file__).parents[1]
CONTAINERFILE = CONTEXT / "deploy" / "Containerfile"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HOST_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
START_S, GOODBYE_S = 300, 30  # the first start compiles


@dataclass
class Stage:
    """What one FROM leads to."""

    root: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    folder: str = "/"
    user: str = "0:0"
    words: dict[str, list[str]] = field(default_factory=dict)  # of ENTRYPOINT, CMD and HEALTHCHECK

    def run(self, command: str) -> None:
        """Run a line of shell inside."""
        inside = f"cd {self.folder} && {command}"
        # a network may have certificates of its own
        certificates = self.root / "run/certificates.crt"
        shutil.copy(HOST_CERTIFICATES, certificates)
        script = f"mount -t proc proc {self.root}/proc; exec chroot {self.root} sh -ec {shlex.quote(inside)}"
        environment = self.environment | {"PIP_CERT": "/run/certificates.crt"}
        subprocess.run(["unshare", "-m", "sh", "-ec", script], env=environment, check=True)
        certificates.unlink()


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Yield each instruction and what follows it, continued lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        if line.strip():
            word, _, rest = line.partition(" ")
            yield word, rest.strip()


def build(debian: Path, work: Path) -> Stage:
    """Build every stage; returns the last one."""
    stages: dict[str, Stage] = {}
    stage = Stage(work)
    for word, rest in instructions(CONTAINERFILE.read_text()):
        print(f"{word} {rest[:100]}", flush=True)
        if word == "FROM":
            stage = Stage(work / str(len(stages)))
            subprocess.run(["cp", "--archive", "--reflink=auto", debian, stage.root], check=True)
            shutil.copy("/etc/resolv.conf", stage.root / "etc/resolv.conf")
            stages[rest.partition(" AS ")[2] or "last"] = stage
        elif word == "RUN":
            stage.run(rest)
        elif word == "COPY":
            _copy(stage, stages, rest.split())
        elif word == "ARG":
            name, _, value = rest.partition("=")
            stage.environment[name] = value
        elif word == "ENV":
            for name, value in (pair.split("=", 1) for pair in shlex.split(rest)):
                stage.environment[name] = value.replace("$PATH", stage.environment["PATH"])
        elif word == "WORKDIR":
            stage.folder = rest
            (stage.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif word == "USER":
            stage.user = rest
        elif word in ("ENTRYPOINT", "CMD", "HEALTHCHECK"):
            stage.words[word] = json.loads(rest[rest.index("[") :])
    return stage


def _copy(stage: Stage, stages: dict[str, Stage], words: list[str]) -> None:
    source_root = CONTEXT
    if words[0].startswith("--from="):
        source_root = stages[words.pop(0).removeprefix("--from=")].root
    *sources, target = words
    goal = stage.root / (target if target.startswith("/") else f"{stage.folder}/{target}").lstrip("/")
    for source in sources:
        found = source_root / source.lstrip("/")
        if found.is_dir():
            shutil.copytree(found, goal, symlinks=True, dirs_exist_ok=True)
        else:
            goal.mkdir(parents=True, exist_ok=True) if target.endswith("/") else None
            shutil.copy(found, goal)


def inside(stage: Stage, command: list[str], environment: dict[str, str]) -> list[str]:
    """Return how to run a command as compose.yaml has it: read-only but for /data and /tmp, without capabilities."""
    root = str(stage.root)
    script = (
        f"mount --bind {root} {root}; mount --bind {root}/data {root}/data; mount -t tmpfs tmpfs {root}/tmp;"
        f"mount -t proc proc {root}/proc; mount --rbind /dev {root}/dev; mount -o remount,bind,ro {root};"
        f"exec setpriv --bounding-set=-all,+sys_chroot,+setuid,+setgid --no-new-privs "
        f"chroot --userspec={stage.user} {root} {shlex.join(command)}"
    )
    wanted = [f"{name}={value}" for name, value in (stage.environment | environment).items()]
    return ["env", "-i", *wanted, "unshare", "-m", "sh", "-ec", script]


def serve(stage: Stage) -> None:
    """Run the last stage's command until its health check passes, and end it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    own = {"LIPWIRE_PORT": str(port), "LIPWIRE_API_KEYS": KEY}
    command = inside(stage, [*stage.words["ENTRYPOINT"], *stage.words["CMD"]], own)
    process = subprocess.Popen(command)
    until = time.monotonic() + START_S
    try:
        while subprocess.run(inside(stage, stage.words["HEALTHCHECK"], own), stderr=subprocess.DEVNULL).returncode:
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit("the service did not become healthy")
            time.sleep(0.5)
        _make_session(port)
        print("healthy, and it made a session; told to stop", flush=True)
        process.send_signal(signal.SIGTERM)
        status = process.wait(GOODBYE_S)
    finally:
        process.kill()
        process.wait()
    if status:
        raise SystemExit(f"it ended with status {status}")


def _make_session(port: int) -> None:
    """Record a face for a moment: that writes whatever is written."""
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    url = f"http://127.0.0.1:{port}/api/sessions"
    with urlopen(Request(url, b'{"record": true}', headers), timeout=30) as answer:
        made = json.load(answer)
    time.sleep(3)
    with urlopen(Request(f"{url}/{made['id']}", headers=headers, method="DELETE"), timeout=30):
        pass
    with urlopen(Request(f"{url}/{made['id']}/recording", headers=headers), timeout=30) as answer:
        if len(answer.read()) < 1000:
            raise SystemExit("nothing was recorded")


def main(debian: Path) -> None:
    """Build, serve, and say how large it is."""
    if os.geteuid() != 0:
        raise SystemExit("this wants root: it mounts, and changes its root")
    with tempfile.TemporaryDirectory(prefix="lipwire-image-") as work:
        stage = build(debian, Path(work))
        sizes = subprocess.run(["du", "-sm", stage.root], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
        print(f"the last stage has {sizes[0]} MB", flush=True)
        serve(stage)
        left = [str(path.relative_to(stage.root)) for path in (stage.root / "data").iterdir()]
        print(f"ended in order; in /data: {left}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
