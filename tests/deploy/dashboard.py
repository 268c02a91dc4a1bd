"""The Grafana dashboard, as a document."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.paths import ROOT

PATH = ROOT / "deploy" / "grafana" / "lipwire.json"
VARIABLES = {"$__rate_interval": "1m", "$job": "lipwire", "$instance": ".+"}


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(PATH.read_text())
    return found


def expressions() -> list[tuple[str, str]]:
    """Return each panel's title and what it asks for, variables filled in."""
    asked = []
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"]
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            assert not re.search(r"\$", expression), expression
            asked.append((panel["title"], expression))
    return asked
