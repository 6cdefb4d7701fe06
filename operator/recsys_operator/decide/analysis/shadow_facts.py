"""What the pods of a shadow counted when they compared their answers with those of one stable version."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sum:
    """Observations and their total. Sums of several pods may be added."""

    count: int
    total: float

    def __add__(self, other: "Sum") -> "Sum":
        return Sum(self.count + other.count, self.total + other.total)

    @property
    def mean(self) -> float | None:
        """The mean; None of nothing."""
        return self.total / self.count if self.count else None


NOTHING = Sum(0, 0.0)


@dataclass(frozen=True, slots=True)
class ShadowReading:
    """The counts of one or several pods, cumulative since they started. Each sum is of values from 0 to 1."""

    stable: int
    """The version that it was compared with."""
    samples: int = 0
    """Answers compared."""
    failures: int = 0
    """Requests that stable answered and this version could not."""
    overlap: Sum = NOTHING
    rank_biased_overlap: Sum = NOTHING
    kendall_concordance: Sum = NOTHING
    """Of (1 + tau) / 2, where an order could be compared."""
    popularity: Sum = NOTHING
    stable_popularity: Sum = NOTHING
    """Of the mean popularity percentile of an answer's items."""
    coverage: Sum = NOTHING
    stable_coverage: Sum = NOTHING
    """One observation for each hundred answers."""

    def __add__(self, other: "ShadowReading") -> "ShadowReading":
        return ShadowReading(
            self.stable,
            self.samples + other.samples,
            self.failures + other.failures,
            self.overlap + other.overlap,
            self.rank_biased_overlap + other.rank_biased_overlap,
            self.kendall_concordance + other.kendall_concordance,
            self.popularity + other.popularity,
            self.stable_popularity + other.stable_popularity,
            self.coverage + other.coverage,
            self.stable_coverage + other.stable_coverage,
        )
