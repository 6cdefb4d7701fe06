"""The demo's picture: weights, p99 and failed requests over time, with canary steps, alert and rollback marked."""

import textwrap
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from hack.demo.load import Load
from hack.demo.record import WeightChange
from hack.load.summary import Request, percentile
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator

PATH = Path(".local/demo/timeline.png")
COLOURS = {1: "#7f7f7f", 2: "#1f77b4", 4: "#d62728"}
WINDOW = 2.0
CAPTION = (
    "The lines of p99 are what the client saw, with the time in the gateway and the wait for a core in it; each "
    "point is a window of 2 s. They may jump where a weight changes, for the old version as for the new one: that "
    "takes nobody back. The alert is about what the pods measure themselves (diamonds): one version must be three "
    "times as slow as the fastest one, for 3 s. The control shows that the client counts failures: the one pod "
    "that serves is killed without draining."
)


def percentile_by_window(requests: Sequence[Request], origin: float) -> dict[int, list[tuple[float, float]]]:
    """Version → (seconds since origin, p99 in milliseconds) of each window."""
    windows: dict[tuple[int, int], list[float]] = defaultdict(list)
    for request in requests:
        if request.version is not None and not request.failed:
            windows[request.version, int((request.start - origin) // WINDOW)].append(request.seconds)
    found: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for (version, window), latencies in sorted(windows.items()):
        latencies.sort()
        found[version].append(((window + 0.5) * WINDOW, percentile(latencies, 0.99) * 1e3))
    return found


def error_rate(requests: Sequence[Request], origin: float) -> list[tuple[float, float]]:
    """(seconds since origin, failed requests in percent) of each window."""
    counts: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for request in requests:
        count = counts[int((request.start - origin) // WINDOW)]
        count[0] += 1
        count[1] += bool(request.failed)
    return [((window + 0.5) * WINDOW, 100 * failed / total) for window, (total, failed) in sorted(counts.items())]


def failures(requests: Sequence[Request]) -> str:
    """How many requests failed, of how many."""
    return f"{sum(bool(request.failed) for request in requests):,} of {len(requests):,} failed"


def marks(changes: Sequence[WeightChange], origin: float, end: float, posted: float | None) -> list[tuple[float, str]]:
    """What happened when: a canary's steps, the alert, the rollback."""
    found, before = [], dict[int, int]()
    for change in changes:
        when, newest = change.time - origin, max([*before, *change.weights])
        was, now = before.get(newest, 0), change.weights.get(newest, 0)
        if 0 <= when <= end - origin and was != now:
            rising = "promoted" if now == 100 else f"{now} %"
            found.append((when, rising if now > was else f"rollback of version {newest}"))
        before = change.weights
    if posted is not None and origin <= posted <= end:
        found.append((posted - origin, "alert"))
    return sorted(found)


def own_p99(rollback: dict[str, Any]) -> dict[int, float]:
    """Version → p99 in seconds that its pods measured until the alert; empty where only the client measured."""
    found = {2: rollback.get("p99Stable"), 4: rollback.get("p99Canary")}
    client = {2: rollback.get("clientP99Stable"), 4: rollback.get("clientP99Canary")}
    return {} if found == client else {version: float(p99) for version, p99 in found.items() if p99 is not None}


def draw(
    loads: Sequence[tuple[str, Load]], changes: Sequence[WeightChange], rollback: dict[str, Any], path: Path = PATH
) -> Path:
    """Draws one column a load, all with the same scales, and writes the picture."""
    figure, axes = plt.subplots(3, len(loads), figsize=(6 * len(loads), 9.6), sharex="col", sharey="row", squeeze=False)
    for column, (title, load) in enumerate(loads):
        requests = load.read()
        origin, end = min(r.start for r in requests), max(r.start + r.seconds for r in requests)
        top, middle, bottom = (axes[row][column] for row in range(3))
        top.set_title(title)
        _weights(top, changes, origin, end)
        _latencies(middle, requests, origin, rollback if load.name == "rollback" else {})
        bottom.plot(*zip(*error_rate(requests, origin), strict=True), ".-", color="#d62728")
        bottom.text(0.97, 0.94, failures(requests), transform=bottom.transAxes, ha="right", va="top")
        for when, text in marks(changes, origin, end, rollback.get("posted")):
            colour = "#d62728" if text.startswith(("alert", "rollback")) else "#2ca02c"
            for axis in (top, middle, bottom):
                axis.axvline(when, color=colour, ls="--", lw=0.9, alpha=0.8)
            side = "left" if text.startswith("rollback") else "right"
            top.text(when, 85, text, rotation=90, va="top", ha=side, fontsize=9, color=colour)
        bottom.set_xlabel("seconds")
    first_top, first_middle, first_bottom = (row[0] for row in axes)
    first_top.set_ylabel("weight in %")
    first_top.set_ylim(-4, 108)
    first_middle.set_ylabel("p99 at the client in ms, logarithmic")
    first_middle.set_yscale("log")
    first_middle.yaxis.set_major_formatter("{x:g}")
    first_middle.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    first_middle.yaxis.set_minor_formatter("{x:g}")
    first_bottom.set_ylabel("failed requests in %")
    first_bottom.set_ylim(-2, max(10.0, first_bottom.get_ylim()[1]))
    figure.text(0.02, 0.012, textwrap.fill(CAPTION, 72 * len(loads)), va="bottom", fontsize=10)
    figure.tight_layout(rect=(0, 0.085, 1, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def _weights(axis: Axes, changes: Sequence[WeightChange], origin: float, end: float) -> None:
    steps = [c for c in changes if c.time <= end]
    current = [c for c in steps if c.time <= origin][-1:] + [c for c in steps if c.time > origin]
    for version in sorted({v for c in current for v in c.weights}):
        times = [max(0.0, c.time - origin) for c in current] + [end - origin]
        weights = [c.weights.get(version, 0) for c in current]
        colour = COLOURS.get(version)
        axis.step(times, [*weights, weights[-1]], where="post", label=f"version {version}", color=colour, lw=2)
    axis.legend(loc="center right", fontsize=9)


def _latencies(axis: Axes, requests: Sequence[Request], origin: float, rollback: dict[str, Any]) -> None:
    for version, points in percentile_by_window(requests, origin).items():
        axis.plot(*zip(*points, strict=True), ".-", label=f"version {version}", color=COLOURS.get(version))
    for version, seconds in own_p99(rollback).items():
        label = f"version {version}, its pods' own\np99 when the alert came"
        colour = COLOURS.get(version)
        axis.plot(rollback["posted"] - origin, seconds * 1e3, "D", label=label, color=colour, mec="black")
    axis.legend(loc="upper right", fontsize=9)
