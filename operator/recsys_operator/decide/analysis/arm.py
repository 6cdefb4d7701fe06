"""One arm at one look: the counters of its pods, and what they are to the built-in metrics."""

from dataclasses import dataclass

from recsys_operator.api.analysis import BuiltIn, Metric
from recsys_operator.decide.analysis import counters
from recsys_operator.decide.analysis.counters import Layout, Sums
from recsys_operator.decide.analysis.facts import Reading

ENOUGH = 100
PLANNED = 5000

QUANTILES: dict[BuiltIn, float] = {"LatencyP50": 0.5, "LatencyP90": 0.9, "LatencyP99": 0.99}


@dataclass(frozen=True, slots=True)
class Arm:
    """The counters of one revision at this look; `grown` is what is new since the last one."""

    reading: Reading
    layout: Layout
    sums: Sums
    grown: Sums

    def window(self, built_in: BuiltIn, mark: Sums) -> Sums:
        """What a metric's counters have grown by since its mark; nothing where the mark is of other buckets."""
        now = self.layout.part(self.sums, built_in)
        return counters.subtract(now, mark) if len(mark) == len(now) else tuple(0 for _ in now)


def measure(metric: Metric) -> BuiltIn:
    """Which built-in metric it is."""
    return metric.built_in or "SuccessRate"


def enough(metric: Metric) -> int:
    """How many samples a look needs, or how many a test is planned for."""
    return metric.min_samples or (PLANNED if metric.test else ENOUGH)
