"""Write what the service is made of, in CycloneDX: ``python -m tools.sbom FILE``.

It is read from the locks, so it holds for whoever installs by them. The page brings no package with it: npm's are for
checks and tests alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

from app import __version__

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("locks/run.txt", "locks/torch.txt", "app/faces/landmarks.txt")


def make_sbom() -> dict[str, Any]:
    """Return the list, each package once, with its version and the sums that the locks allow."""
    locked = "\n".join((ROOT / lock).read_text() for lock in LOCKS)
    bom: dict[str, Any] = json.loads(_cyclonedx(locked))
    components = {}
    for component in bom["components"]:
        component["bom-ref"] = component["purl"]
        component.pop("description", None)  # the line of the lock again
        components[component["purl"]] = component
    root = bom["metadata"]["component"]
    root["version"] = __version__
    bom["components"] = [components[purl] for purl in sorted(components)]
    bom["dependencies"] = [{"ref": root["bom-ref"], "dependsOn": sorted(components)}]
    return bom


def _cyclonedx(locked: str) -> str:
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", "-", "--pyproject", str(ROOT / "pyproject.toml")]
    command += ["--of", "JSON", "--sv", "1.6", "--output-reproducible"]
    return subprocess.run(command, input=locked, capture_output=True, check=True, text=True).stdout


def main(arguments: list[str]) -> int:
    """Write the file."""
    path = Path(arguments[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    bom = make_sbom()
    path.write_text(json.dumps(bom, indent=1))
    print(f"{path}: {len(bom['components'])} packages")
    return 0


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main(sys.argv[1:]))
