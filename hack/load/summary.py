"""What a load saw: the file format of the load generator, and tables by version and second.

`python -m hack.load.summary FILE…` prints a table, one line a second and version.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the client saw it; a line of the file is this as JSON."""

    start: float
    """When it was due, in seconds since the epoch. Time lost before it could be sent counts as latency."""
    seconds: float
    """From `start` to the end of the answer, or to the failure."""
    status: int
    """The HTTP status, 0 when there was none."""
    version: int | None
    """X-Recsys-Version: who answered."""
    failed: str | None
    """None, or why the request counts as failed: Status<code>, Timeout, Refused, Reset, Disconnected, BadBody, …"""
    connection: str
    """keep or new."""

    def line(self) -> str:
        """The line of the file."""
        return json.dumps(asdict(self), separators=(",", ":")) + "\n"


@dataclass(frozen=True, slots=True)
class Row:
    """The requests of one version that were due within one interval."""

    time: float
    """Start of the interval, in seconds since the epoch."""
    version: int | None
    requests: int
    failed: int
    p50: float
    p99: float


def read(paths: Iterable[Path]) -> Iterator[Request]:
    """The requests in such files, in the order they ended."""
    for path in paths:
        with path.open() as lines:
            for line in lines:
                yield Request(**json.loads(line))


def percentile(ordered: list[float], fraction: float) -> float:
    """The nearest-rank percentile of an ascending list; NaN when it is empty."""
    if not ordered:
        return float("nan")
    rank = max(1, -(-int(fraction * 1_000_000) * len(ordered) // 1_000_000))
    return ordered[min(rank, len(ordered)) - 1]


def table(requests: Iterable[Request], interval: float = 1.0) -> list[Row]:
    """One row an interval and version, by time; versions that had no request in an interval have no row."""
    groups: dict[tuple[float, int | None], list[Request]] = defaultdict(list)
    for request in requests:
        groups[(request.start // interval * interval, request.version)].append(request)
    rows = []
    for (time, version), group in sorted(groups.items(), key=_by_time_and_version):
        ordered = sorted(request.seconds for request in group)
        failed = sum(request.failed is not None for request in group)
        rows.append(Row(time, version, len(group), failed, percentile(ordered, 0.5), percentile(ordered, 0.99)))
    return rows


def _by_time_and_version(entry: tuple[tuple[float, int | None], list[Request]]) -> tuple[float, int]:
    time, version = entry[0]
    return time, -1 if version is None else version


def main() -> None:
    """Print the table of the files named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--interval", type=float, default=1.0, help="seconds in a row (default 1)")
    arguments = parser.parse_args()
    rows = table(read(arguments.files), arguments.interval)
    print("second version requests failed  p50 ms  p99 ms")
    for row in rows:
        print(
            f"{row.time - rows[0].time:6.0f} {row.version or '-':>7} {row.requests:8} {row.failed:6} "
            f"{row.p50 * 1000:7.1f} {row.p99 * 1000:7.1f}"
        )


if __name__ == "__main__":
    main()
