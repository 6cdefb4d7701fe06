"""What decides the figures of the shadow benchmark."""

from benchmarks.recorded import RESULTS, Benchmark, Configuration, results_of_page

FILE = RESULTS / "shadow.md"
ITEMS, WIDTH, LENGTH = 12_000, 64, 50
"""The size of a shop's catalogue, and of the model and the histories that the demo trains."""
MODES = ("no shadow", "healthy", "hanging", "dead")
RATE, PERCENT, TURNS, SECONDS, SHADOW_NICE = 200.0, 100, 6, 10.0, 19
"""Requests a second, the share that is copied, turns of each mode, their length, and the niceness of the shadow."""


def configuration(
    rate: float = RATE,
    percent: int = PERCENT,
    turns: int = TURNS,
    seconds: float = SECONDS,
    shadow_nice: int = SHADOW_NICE,
) -> Configuration:
    """A run with this load."""
    size = {"items": ITEMS, "width": WIDTH, "length": LENGTH, "modes": MODES}
    load = {"rate": rate, "percent": percent, "turns": turns, "seconds": seconds, "shadowNice": shadow_nice}
    return {**size, **load}


SHADOW = Benchmark(
    "hack/bench.sh shadow --write", lambda: {"shadow": configuration()}, lambda: results_of_page(FILE, "shadow")
)
