"""Where words go: text in columns, JSON, YAML; colour and width only where a terminal is."""

import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

FORMATS = ("json", "yaml")
YAML_COLUMNS = 120
PIPED_COLUMNS = 1 << 16
"""Width of what goes into a pipe or a file, unless COLUMNS says another: lines are whole, so commands can be pasted."""


def emit(document: Any, output: str) -> None:
    """Print a document as JSON or YAML."""
    if output == "yaml":
        import yaml

        sys.stdout.write(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=YAML_COLUMNS))
    else:
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def columns(head: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Print a table as kubectl does; on a terminal, with the column STATUS or VERDICT in colour."""
    if sys.stdout.isatty():
        _coloured(head, lines)
        return
    widths = [max(len(line[index]) for line in (head, *lines)) for index in range(len(head))]
    for line in (head, *lines):
        print("   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _coloured(head: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 3, 0, 0), pad_edge=False, header_style="bold")
    for name in head:
        table.add_column(name, no_wrap=name not in ("MESSAGE", "STEP"), overflow="fold")
    for line in lines:
        table.add_row(
            *(
                Text(cell, style(cell) if name in ("STATUS", "VERDICT") else "")
                for name, cell in zip(head, line, strict=True)
            )
        )
    console().print(table)


GOOD = frozenset(("Serving", "Promoted", "Passed", "Done", "Running"))
BAD = frozenset(
    ("RollingBack", "Degraded", "RolledBack", "Reverted", "VersionBlocked", "Failed", "Error", "VersionFailedGates")
)


def style(word: str) -> str:
    """The colour of a reason, verdict or phase."""
    if word in GOOD:
        return "green"
    return "red" if word in BAD else "yellow"


def console() -> "Console":
    """The terminal, or what stands in for it."""
    from rich.console import Console

    if sys.stdout.isatty():
        return Console(highlight=False, emoji=False, markup=False)
    told = os.environ.get("COLUMNS", "")
    width = int(told) if told.isdecimal() and int(told) else PIPED_COLUMNS
    return Console(highlight=False, emoji=False, markup=False, width=width)
