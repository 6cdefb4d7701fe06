"""What an analysis found so far, and what it must remember between two looks."""

from typing import Annotated, Literal

from pydantic import Field

from recsys_operator.api.schema import Decimal, Model, ObjectName, Text, Time, listing

Count = Annotated[int, Field(ge=0)]
Counts = Annotated[
    tuple[int, ...],
    Field(max_length=128, json_schema_extra=listing("atomic")),
]


class ArmCounters(Model):
    """The counters of a revision's pods as they were judged last, so that the next look knows what is new."""

    revision: str = Field(max_length=64, description="Which revision.")
    time: Time = Field(description="When they were read.")
    servers: str = Field(
        max_length=32, description="Hash of the UIDs and restarts of the pods whose counters these are."
    )
    counts: Counts = Field(
        description="Sums: requests, errors, answers, empty answers, items asked, unknown items, then the latency's buckets, "
        "then the scores'."
    )


class TestMemory(Model):
    """What a sequential test has seen."""

    __test__ = False

    looks: int = Field(0, ge=0, description="How many of its planned looks are behind it.")
    requests: int = Field(0, ge=0, description="Requests to the canary.")
    bad: int = Field(0, ge=0, description="Of these, the bad ones.")
    stable_requests: int = Field(0, ge=0, description="Requests to stable in the same time.")
    stable_bad: int = Field(0, ge=0, description="Of these, the bad ones.")
    expected: Decimal = Field("0", description="Bad requests to the canary that there would be, were both alike.")
    past_requests: int = Field(0, ge=0, description="Requests to stable before that.")
    past_bad: int = Field(0, ge=0, description="Of these, the bad ones.")
    bound: Decimal | None = Field(None, description="Seconds beyond which a request to stable is bad.")
    canary_bound: Decimal | None = Field(None, description="The same for the canary, tolerance included.")


class MetricStatus(Model):
    """What became of one metric."""

    name: ObjectName = Field(description="Name of the metric.")
    step: int | None = Field(None, ge=0, description="Index of the step that it belongs to; absent in the background.")
    definition: str = Field("", max_length=16, description="Hash of what it measures: another measure begins anew.")
    phase: Literal["Running", "Passed", "Failed", "Inconclusive", "Error"] = Field(
        "Running",
        description="Running: not enough evidence yet. Passed: good so far. Failed: the canary is taken back. Inconclusive: "
        "evidence is missing for longer than allowed. Error: it cannot be measured.",
    )
    value: str | None = Field(None, max_length=32, description="The canary's value at the last look.")
    stable: str | None = Field(None, max_length=32, description="Stable's value.")
    threshold: str | None = Field(None, max_length=256, description="What is good.")
    samples: int = Field(0, ge=0, description="How much of the canary the last look was based on.")
    failures: int = Field(0, ge=0, description="Bad looks so far.")
    inconclusive: int = Field(0, ge=0, description="Looks in a row without enough evidence.")
    errors: int = Field(0, ge=0, description="Looks in a row that could not measure.")
    message: Text = Field("", description="The last look as a sentence.")
    start_time: Time = Field(description="When it was begun.")
    time: Time = Field(description="When it was looked at last.")
    lacking_since: Time | None = Field(None, description="Since when evidence is missing.")
    window_start: Time | None = Field(None, description="Since when the counts of the next look are taken.")
    canary_mark: Counts = Field((), description="The canary's counters at that time.")
    stable_mark: Counts = Field((), description="Stable's counters at that time.")
    test: TestMemory | None = Field(None, description="What the sequential test has seen.")


class Counters(Model):
    """The pods' counters at the last look."""

    canary: ArmCounters | None = Field(None, description="Of the canary.")
    stable: ArmCounters | None = Field(None, description="Of stable.")
