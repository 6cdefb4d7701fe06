"""How far a run's trainer is: `status.progress` of a TrainingRun."""

from typing import Annotated, Literal

from pydantic import Field

from recsys_operator.api.schema import MetricName, Model, Text, Time, listing

HISTORY = 50
"""How many validations `status.progress.history` keeps."""

Figure = Annotated[str, Field(max_length=32)]
"""A number as text, of at most six significant digits."""


class ValidatedMetric(Model):
    """One more figure of the last validation."""

    name: MetricName = Field(description="The metric, one of the RecModel's evaluation.metrics.")
    value: Figure = Field(description="Its value.")


class Validated(Model):
    """What the validations found, by the metric that chooses the epoch."""

    metric: MetricName = Field(description="The metric.")
    value: Figure = Field(description="Its value at the last validation.")
    epoch: int = Field(ge=0, description="The epoch of the last validation.")
    best: Figure = Field(description="Its best value so far.")
    best_epoch: int = Field(ge=0, description="The epoch of the best value, whose weights are exported.")
    metrics: tuple[ValidatedMetric, ...] = Field(
        (),
        max_length=10,
        json_schema_extra=listing("map", keys=("name",)),
        description="What the last validation found by the other ones of the RecModel's evaluation.metrics, which choose "
        "nothing; one that is no number, such as a GAUC without a user of both classes, is left out.",
    )


class HistoryPoint(Model):
    """One validation."""

    epoch: int = Field(ge=0, description="The epoch after which it was made.")
    step: int = Field(ge=0, description="The steps of the optimizer until then.")
    loss: Figure | None = Field(
        None,
        description="Mean training loss of that epoch; absent of epoch 0, which is the version that a run began with.",
    )
    validation: Figure = Field(description="What it found; the metric stands in progress.validation.metric.")


class TuningProgress(Model):
    """How far the search is."""

    trials: int = Field(ge=0, description="Trials in all.")
    ended: int = Field(ge=0, description="Trials that have ended: trained to their end, ended early, or failed.")
    failed: int = Field(0, ge=0, description="Those that failed.")
    metric: MetricName = Field(description="The metric that is compared, on what validates.")
    best: Figure | None = Field(None, description="The best value of those that have ended.")
    best_trial: int | None = Field(None, ge=1, description="The number of the trial that has it.")


class Progress(Model):
    """How far the trainer is. Each of the trainer's processes writes it at most every two seconds.

    Where one takes over from the other, and at the end, two writes may lie closer: those are not held back.
    """

    stage: Literal["Loading", "Training", "Exporting", "Evaluating", "Publishing"] = Field(
        description="What it does now; of a run that has ended, waits or is suspended, where it stopped."
    )
    epoch: int | None = Field(None, ge=0, description="Finished epochs.")
    epochs: int | None = Field(None, ge=0, description="Epochs in all.")
    step: int | None = Field(
        None, ge=0, description="Steps of the optimizer so far, those of earlier attempts included."
    )
    percent: int = Field(0, ge=0, le=100, description="How much of the run is done, in percent; kept as `stage` is.")
    eta_seconds: int | None = Field(
        None,
        ge=0,
        description="Estimate, by the pace of this attempt, of the seconds until the last epoch ends. While it trains "
        "only: the operator takes it away when no pod is left.",
    )
    workers: int | None = Field(
        None, ge=1, le=64, description="How many workers train; absent of a run with one pod, and before they begin."
    )
    targets_per_second: int | None = Field(
        None,
        ge=0,
        description="Targets (of Tabular: rows) learned from a second, in the epoch that runs or has just ended, without "
        "its validation. While it trains only, as etaSeconds.",
    )
    loss: str | None = Field(
        None,
        max_length=32,
        description="Mean training loss of the last finished epoch; of the steps so far in the first.",
    )
    validation: Validated | None = Field(None, description="What the validations found.")
    checkpoint_time: Time | None = Field(
        None, description="When this attempt's newest checkpoint was kept; absent before the first one."
    )
    history: tuple[HistoryPoint, ...] = Field(
        (),
        max_length=HISTORY,
        json_schema_extra=listing("atomic"),
        description="The newest 50 validations, oldest first.",
    )
    tuning: TuningProgress | None = Field(None, description="How far spec.tuning is; absent without.")
    message: Text = Field("", description="One line for people.")
    update_time: Time | None = Field(None, description="When the trainer wrote this.")
