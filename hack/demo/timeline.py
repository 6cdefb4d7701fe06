"""The demo's picture: weights, p99 and error rate over time, with canary steps, alert and rollback marked."""

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
from matplotlib.ticker import LogLocator

PATH = Path(".local/demo/timeline.png")
COLOURS = {1: "#7f7f7f", 2: "#1f77b4", 4: "#d62728"}
WINDOW = 2.0


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


def draw(loads: Sequence[tuple[str, Load]], changes: Sequence[WeightChange], rollback: dict[str, Any]) -> Path:
    """Draws one column a load and writes the picture."""
    figure, axes = plt.subplots(3, len(loads), figsize=(8 * len(loads), 9), sharex="col", squeeze=False)
    for column, (title, load) in enumerate(loads):
        requests = load.read()
        origin, end = min(r.start for r in requests), max(r.start + r.seconds for r in requests)
        top, middle, bottom = (axes[row][column] for row in range(3))
        top.set_title(title)
        steps = [c for c in changes if c.time <= end]
        current = [c for c in steps if c.time <= origin][-1:] + [c for c in steps if c.time > origin]
        for version in sorted({v for c in current for v in c.weights}):
            times = [max(0.0, c.time - origin) for c in current] + [end - origin]
            weights = [c.weights.get(version, 0) for c in current]
            top.step(
                times,
                [*weights, weights[-1]],
                where="post",
                label=f"version {version}",
                color=COLOURS.get(version),
                lw=2,
            )
        for version, points in percentile_by_window(requests, origin).items():
            middle.plot(*zip(*points, strict=True), ".-", label=f"version {version}", color=COLOURS.get(version))
        bottom.plot(*zip(*error_rate(requests, origin), strict=True), color="#d62728")
        bottom.set_ylim(-0.2, max(5.0, bottom.get_ylim()[1]))
        middle.set_yscale("log")
        middle.yaxis.set_major_formatter("{x:g}")
        middle.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
        middle.yaxis.set_minor_formatter("{x:g}")
        for version, seconds in own_p99(rollback).items() if load.name == "rollback" else ():
            middle.plot(
                rollback["posted"] - origin,
                seconds * 1e3,
                "D",
                label=f"version {version}, its pods' own\np99 when the alert came",
                color=COLOURS.get(version),
                mec="black",
            )
        for when, text in marks(changes, origin, end, rollback.get("posted")):
            colour = "#d62728" if text.startswith(("alert", "rollback")) else "#2ca02c"
            for axis in (top, middle, bottom):
                axis.axvline(when, color=colour, ls="--", lw=0.9, alpha=0.8)
            side = "left" if text.startswith("rollback") else "right"
            top.text(when, 85, text, rotation=90, va="top", ha=side, fontsize=9, color=colour)
        top.set_ylabel("weight in %")
        top.set_ylim(-4, 108)
        middle.set_ylabel("p99 at the client, ms (2 s windows)")
        bottom.set_ylabel("failed requests in %")
        bottom.set_xlabel("seconds")
        top.legend(loc="upper left", bbox_to_anchor=(1, 1))
        middle.legend(loc="upper left", bbox_to_anchor=(1, 1))
    figure.tight_layout()
    PATH.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PATH, dpi=110)
    plt.close(figure)
    return PATH
