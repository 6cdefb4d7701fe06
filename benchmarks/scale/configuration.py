"""What decides the figures of the benchmark of many events in a small pod."""

from typing import Any

from benchmarks.recorded import RESULTS, Benchmark, Configuration, results_of_page

FILE = RESULTS / "scale.md"
GIB = 1 << 30
EVENTS, MEMORY_GIB = 10_000_000, 2.0
CLEANING: dict[str, Any] = {"duplicates": "KeepFirst", "minUserInteractions": 5}
STEPS = 1000


def configuration(
    events: int = EVENTS, memory_gib: float = MEMORY_GIB, cleaning: dict[str, Any] = CLEANING
) -> Configuration:
    """A run of so many events in so much memory."""
    return {"events": events, "gib": memory_gib, "cleaning": cleaning, "steps": STEPS}


SCALE = Benchmark(
    "hack/bench.sh scale --write", lambda: {"scale": configuration()}, lambda: results_of_page(FILE, "scale")
)
