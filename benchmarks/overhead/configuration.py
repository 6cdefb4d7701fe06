"""What decides the figures of the benchmark of overhead."""

from pathlib import Path

import yaml
from benchmarks.recorded import RESULTS, ROOT, Benchmark, Configuration, results_of_page

FILE = RESULTS / "overhead.md"
RUNS = 5
FILES = ("dataset.yaml", "model.yaml", "run.yaml")
EXAMPLE = Path("examples/churn")
LIMIT_SECONDS = 45.0
"""What is to be reached: less than that besides the training, at the median."""


def configuration(runs: int = RUNS) -> Configuration:
    """So many runs of the example: its table, its model with the gates, its run."""
    files = {name: list(yaml.safe_load_all((ROOT / EXAMPLE / name).read_text())) for name in FILES}
    return {"runs": runs, "example": files}


OVERHEAD = Benchmark(
    "hack/bench.sh overhead --write", lambda: {"overhead": configuration()}, lambda: results_of_page(FILE, "overhead")
)
