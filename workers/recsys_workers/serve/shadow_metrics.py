"""Prometheus metrics of shadowing, on both sides. Everything but `recsys_shadow_percent` may be summed over pods.

All histograms are of values from 0 to 1. One of values that may be negative would have no sum in Prometheus' format, so
tau-b is exported as (1 + tau) / 2, and a shift as the two means that it lies between.
"""

from collections import OrderedDict
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from recsys_workers.serve.shadow_agreement import CoverageWindow

UNIT = tuple(step / 20 for step in range(21))
MOST_STABLE_VERSIONS = 4
"""Versions whose comparisons are kept apart; a pod meets more of them only in a long life as stable and as shadow."""


class Lost(StrEnum):
    """Why a sampled request did not reach the shadow."""

    QUEUE_FULL = "QueueFull"
    TOO_LARGE = "TooLarge"
    UNREACHABLE = "Unreachable"
    REFUSED = "Refused"
    BUSY = "Busy"
    ENDED = "Ended"


class Comparison:
    """What a shadow found against one stable version. Observing is for one thread at a time."""

    def __init__(self, metrics: "ShadowMetrics", stable: str) -> None:
        labels = {**metrics.labels, "stable": stable}
        self.windows: tuple[CoverageWindow, CoverageWindow] | None = None
        """Of the own answers and of stable's, once their catalogue is known."""
        self.samples = metrics.samples.labels(**labels)
        self.failures = metrics.failures.labels(**labels)
        self.overlap = metrics.overlap.labels(**labels)
        self.rank_biased_overlap = metrics.rank_biased_overlap.labels(**labels)
        self.kendall_concordance = metrics.kendall_concordance.labels(**labels)
        self.popularity = metrics.popularity.labels(**labels)
        self.stable_popularity = metrics.stable_popularity.labels(**labels)
        self.coverage = metrics.coverage.labels(**labels)
        self.stable_coverage = metrics.stable_coverage.labels(**labels)


class ShadowMetrics:
    """The series of one process, each with the labels model and version."""

    def __init__(self, registry: CollectorRegistry, labels: dict[str, str]) -> None:
        self.labels = labels
        names = tuple(labels)
        self.percent = Gauge(
            "recsys_shadow_percent", "Share of requests that is copied to a shadow now.", names, registry=registry
        ).labels(**labels)
        self.sent = Counter(
            "recsys_shadow_sent", "Requests that a shadow took for comparison.", names, registry=registry
        ).labels(**labels)
        lost = Counter(
            "recsys_shadow_lost", "Sampled requests that no shadow compared.", (*names, "reason"), registry=registry
        )
        self.lost = {reason: lost.labels(**labels, reason=reason.value) for reason in Lost}
        compared = (*names, "stable")

        def histogram(name: str, about: str) -> Histogram:
            return Histogram(f"recsys_shadow_{name}", about, compared, registry=registry, buckets=UNIT)

        self.samples = Counter(
            "recsys_shadow_samples", "Answers compared with those of the stable version.", compared, registry=registry
        )
        self.failures = Counter(
            "recsys_shadow_failures", "Requests that stable answered and this version could not.", compared,
            registry=registry,
        )  # fmt: skip
        self.overlap = histogram("overlap", "Common items over the longer answer.")
        self.rank_biased_overlap = histogram("rank_biased_overlap", "RBO_ext with p = 0.9.")
        self.kendall_concordance = histogram("kendall_concordance", "(1 + tau-b) / 2 over the common items.")
        self.popularity = histogram("popularity", "Mean popularity percentile of an answer's items.")
        self.stable_popularity = histogram("stable_popularity", "The same of stable's answer.")
        self.coverage = histogram("coverage", "Distinct items of 100 answers over the catalogue.")
        self.stable_coverage = histogram("stable_coverage", "The same of stable's answers to them.")
        self._comparisons: OrderedDict[str, Comparison] = OrderedDict()

    def against(self, stable: str) -> Comparison:
        """The comparison with this stable version; the one that was not used for longest gives way to a fifth."""
        if stable not in self._comparisons:
            if len(self._comparisons) >= MOST_STABLE_VERSIONS:
                self._forget(self._comparisons.popitem(last=False)[0])
            self._comparisons[stable] = Comparison(self, stable)
        self._comparisons.move_to_end(stable)
        return self._comparisons[stable]

    def _forget(self, stable: str) -> None:
        for metric in (
            *(self.samples, self.failures, self.overlap, self.rank_biased_overlap, self.kendall_concordance),
            *(self.popularity, self.stable_popularity, self.coverage, self.stable_coverage),
        ):
            metric.remove(*self.labels.values(), stable)
