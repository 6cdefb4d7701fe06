"""What a pod tells of its comparison with stable's answers, from the samples of its /metrics."""

import math
import re
from collections.abc import Iterable, Mapping

from recsys_operator.decide.analysis.shadow_facts import ShadowReading, Sum
from recsys_operator.observe.measure.exposition import NotMetrics, Sample

PREFIX = "recsys_shadow_"
VERSION = re.compile(r"[1-9][0-9]{0,8}")
SUMS = (
    "overlap",
    "rank_biased_overlap",
    "kendall_concordance",
    "popularity",
    "stable_popularity",
    "coverage",
    "stable_coverage",
)


def shadow_readings(found: Iterable[Sample]) -> tuple[ShadowReading, ...]:
    """One reading for each stable version that the pod was compared with; none of a pod that was no shadow.

    Raises NotMetrics on a value that cannot be a count.
    """
    by_stable: dict[int, dict[str, float]] = {}
    for sample in found:
        stable = sample.labels.get("stable", "")
        if sample.name.startswith(PREFIX) and "le" not in sample.labels and VERSION.fullmatch(stable):
            if not math.isfinite(sample.value) or sample.value < 0:
                raise NotMetrics(f"{sample.name} is {sample.value}, which is no count")
            by_stable.setdefault(int(stable), {})[sample.name.removeprefix(PREFIX)] = sample.value
    return tuple(_reading(stable, values) for stable, values in sorted(by_stable.items()))


def _reading(stable: int, values: Mapping[str, float]) -> ShadowReading:
    return ShadowReading(
        stable,
        samples=int(values.get("samples_total", 0)),
        failures=int(values.get("failures_total", 0)),
        **{name: Sum(int(values.get(f"{name}_count", 0)), values.get(f"{name}_sum", 0.0)) for name in SUMS},
    )
