"""The step in which a new version answers copies of real requests, and no client."""

from typing import Literal

from pydantic import Field

from recsys_operator.api.schema import Decimal, Model, Rule, listing

ShadowMetric = Literal[
    "Overlap",
    "RankBiasedOverlap",
    "KendallTau",
    "Coverage",
    "RelativeCoverage",
    "PopularityShift",
    "FailureRate",
]


class ShadowGate(Model):
    """What the answers of the new version must be like, next to stable's."""

    CEL = (
        Rule("has(self.min) || has(self.max)", "a gate must set min, max or both"),
        Rule(
            "!has(self.min) || !has(self.max) || double(self.min) <= double(self.max)",
            "min must not exceed max",
        ),
    )

    metric: ShadowMetric = Field(
        description="A mean over all compared answers. Overlap: common items over the length of the longer answer. "
        "RankBiasedOverlap: the same at every depth, the top weighted most (p = 0.9). KendallTau: whether common items are in "
        "the same order, from -1 to 1. Coverage: distinct items in 100 answers over the catalogue; RelativeCoverage: over "
        "stable's. PopularityShift: popularity percentile of the items minus stable's, from -1 to 1. FailureRate: share of "
        "the requests that stable answered and the new version could not.",
    )
    min: Decimal | None = Field(None, description='The mean must be at least this, such as "0.3".')
    max: Decimal | None = Field(None, description='The mean must be at most this, such as "0.1".')


class Shadow(Model):
    """Stable copies a share of its requests to the canary, which compares its own answers. Clients get stable's."""

    percent: int = Field(
        10, ge=1, le=100, description="Share of stable's requests that is copied to the canary, in percent."
    )
    duration_seconds: int = Field(ge=1, le=604800, description="How long at least, from the first compared answer on.")
    min_samples: int = Field(
        100, ge=1, le=100000000, description="How many answers must have been compared before the gates are judged."
    )
    gates: tuple[ShadowGate, ...] = Field(
        (),
        max_length=7,
        json_schema_extra=listing("map", keys=("metric",)),
        description="What must hold at the end of the step; else the canary is taken back and its version blocked.",
    )
