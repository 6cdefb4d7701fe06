"""What decides the figures of the rollback benchmark."""

from typing import Any

from benchmarks.recorded import RESULTS, Benchmark, Configuration, results_of_page
from benchmarks.rollback import argo, flagger, ours, stage
from hack.soak.alert import Receiver

FILE = RESULTS / "rollback.md"
ROLLBACKS, RIVALS, RATE, LANES = 100, 20, 100, 1
"""Of this operator, of each other controller; requests a second on each host name; Deployments side by side."""


def configuration(
    rollbacks: int = ROLLBACKS, rivals: int = RIVALS, rate: int = RATE, lanes: int = LANES
) -> Configuration:
    """A run with so many rollbacks, and the objects that each side is given."""
    lane = ours.Lane("bench-0", "", rate, Receiver("", ""))
    sides: dict[str, Any] = {
        ours.SIDE.name: lane.manifest(stage.GOOD)["spec"],
        argo.SIDE.name: argo.setting(),
        flagger.SIDE.name: flagger.setting(),
    }
    return {"rollbacks": rollbacks, "rivals": rivals, "rate": rate, "lanes": lanes, "sides": sides}


ROLLBACK = Benchmark(
    "hack/bench.sh rollback --write", lambda: {"rollback": configuration()}, lambda: results_of_page(FILE, "rollback")
)
