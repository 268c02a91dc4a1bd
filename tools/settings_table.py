"""Write the table in ``docs/settings.md``: ``python -m tools.settings_table``."""

from __future__ import annotations

from pathlib import Path

from app.config import Settings, shown_default, variable

PAGE = Path(__file__).resolve().parent.parent / "docs" / "settings.md"
HEAD = "| variable | default | what it is |\n|---|---|---|\n"


def table() -> str:
    """Return a row for each setting, in their order."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = shown_default(name)
        shown = f" `{default}`" if default else ""
        rows.append(f"| `{variable(name)}` |{shown} | {field.description} |\n")
    return HEAD + "".join(rows)


def with_table(page: str) -> str:
    """Return a page with its table replaced."""
    before, _, rest = page.partition(HEAD)
    _, _, after = rest.partition("\n\n")
    return f"{before}{table()}" + (f"\n{after}" if after else "")


def main() -> None:
    """Replace the table in the page."""
    PAGE.write_text(with_table(PAGE.read_text()))


if __name__ == "__main__":
    main()
