"""Write the table of metrics in ``docs/observing.md``: ``python -m tools.metrics_table``."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from prometheus_client.core import Metric

from app.api.metrics import MetricsPage
from app.config import Settings
from app.sessions.service import Service

PAGE = Path(__file__).resolve().parent.parent / "docs" / "observing.md"
HEAD = "| metric | kind | labels | what it is |\n|---|---|---|---|\n"
BUCKET = "le"  # a histogram's own label


def shown_name(family: Metric) -> str:
    """Return a family's name as one asks for it."""
    return family.name + {"counter": "_total", "info": "_info"}.get(family.type, "")


async def table(page: MetricsPage) -> str:
    """Return a row for each family of ours, in their order."""
    rows = []
    for family in page.families():
        if family.name.startswith("lipwire_"):
            labels = dict.fromkeys(label for sample in family.samples for label in sample.labels if label != BUCKET)
            shown = ", ".join(f"`{label}`" for label in labels)
            rows.append(f"| `{shown_name(family)}` | {family.type} | {shown} | {family.documentation} |\n")
    return HEAD + "".join(rows)


def with_table(text: str, page: MetricsPage) -> str:
    """Return a text with its table replaced."""
    before, _, rest = text.partition(HEAD)
    _, _, after = rest.partition("\n\n")
    return f"{before}{asyncio.run(table(page))}" + (f"\n{after}" if after else "")


def main() -> None:
    """Replace the table in the page."""
    with tempfile.TemporaryDirectory() as folder:
        page = MetricsPage(Service(Settings(data_dir=Path(folder))))
    PAGE.write_text(with_table(PAGE.read_text(), page))


if __name__ == "__main__":
    main()
