"""What one rollback took, and the table of all sides."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Rollback:
    """One rollback. Seconds from the moment at which the controller was told (or could see) that the version is bad."""

    side: str
    number: int
    zero: float
    """Until the API server tells of weight 0 (pod ratio: of a canary scaled to 0)."""
    last: float
    """Until the bad version's last answer through the gateway arrived at the client; 0 if it never answered again."""
    answered: float | None = None
    """Until the post of the alert was answered with 2xx; None where nothing is posted."""


@dataclass(frozen=True, slots=True)
class Side:
    """One controller with its setting, as the table names it."""

    name: str
    setting: str


def quantile(values: Sequence[float], fraction: float) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(fraction * len(ordered)) - 1)] if ordered else float("nan")


def table(sides: Sequence[Side], rollbacks: Sequence[Rollback], requests: dict[str, tuple[int, int]]) -> str:
    """Markdown: one row a side."""
    lines = [
        "| controller | rollbacks | told → weight 0 in the API: p50 / p95 / max (ms) | "
        "told → last answer of the bad version: p50 / p95 / max (ms) | requests, failed |",
        "| --- | --- | --- | --- | --- |",
    ]
    for side in sides:
        mine = [one for one in rollbacks if one.side == side.name]
        columns = [
            " / ".join(f"{quantile(values, at) * 1e3:.0f}" for at in (0.5, 0.95, 1.0))
            for values in ([one.zero for one in mine], [one.last for one in mine])
        ]
        sent, failed = requests.get(side.name, (0, 0))
        lines.append(
            f"| {side.name}: {side.setting} | {len(mine)} | {columns[0]} | {columns[1]} | {sent:,}, {failed:,} |"
        )
    return "\n".join(lines) + "\n"


def write(path: Path, rollbacks: Sequence[Rollback], requests: dict[str, tuple[int, int]]) -> None:
    """Every single figure, as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"rollbacks": [asdict(one) for one in rollbacks], "requests": requests}, indent=1))
