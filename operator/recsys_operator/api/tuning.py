"""`spec.tuning` of a TrainingRun: which hyperparameters are tried, and what status says of the trials."""

from typing import Annotated, Literal

from pydantic import Field

from recsys_operator.api.progress import Figure
from recsys_operator.api.schema import Decimal, Hyperparameters, MetricName, Model, Rule, listing

MOST_TRIALS = 500
MOST_PARALLEL = 64

HyperparameterName = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z][A-Za-z0-9]*$")]
Value = Annotated[str, Field(min_length=1, max_length=64)]


class TunedParameter(Model):
    """A hyperparameter, and what it may be: some values, or everything between two numbers."""

    CEL = (
        Rule(
            "has(self.values) ? !has(self.min) && !has(self.max) && !has(self.scale) : has(self.min) && has(self.max)",
            "each of tuning.parameters needs either values, or min and max (and with these scale)",
        ),
        Rule(
            "!has(self.min) || !has(self.max) || double(self.min) < double(self.max)",
            "min of tuning.parameters must be less than max",
        ),
        Rule(
            "!has(self.scale) || self.scale != 'Log' || !has(self.min) || double(self.min) > 0.0",
            "min of tuning.parameters must be more than 0 with scale Log: there is no logarithm of 0",
        ),
    )

    name: HyperparameterName = Field(description="Name of the hyperparameter, such as learningRate.")
    values: tuple[Value, ...] | None = Field(
        None,
        min_length=1,
        max_length=32,
        json_schema_extra=listing("set"),
        description="What it may be, each as likely as the others. For words, and for numbers that are to be exactly these.",
    )
    min: Decimal | None = Field(None, description="The least that it may be; whole where the hyperparameter is.")
    max: Decimal | None = Field(None, description="The most that it may be.")
    scale: Literal["Linear", "Log"] | None = Field(
        None,
        description="Linear, the default: all numbers between min and max are equally likely. Log: all orders of magnitude "
        "are, as for a learningRate from 0.0001 to 0.1.",
    )


class Asha(Model):
    """Asynchronous successive halving (Li et al., 2020, arXiv 1810.05934): trials that are behind are ended early.

    After gracePeriod epochs, and again after reductionFactor times as many, and so on, a trial goes on if it is among the
    best 1/reductionFactor of those before it that came as far.
    """

    grace_period: int = Field(1, ge=1, le=10000, description="Epochs that every trial gets.")
    reduction_factor: int = Field(
        3, ge=2, le=10, description="One of so many trials goes on from each stop to the next."
    )


class Tuning(Model):
    """A search for hyperparameters. The trial that validates best becomes the run's model; the test is read for it alone.

    The best trial is the one with the best validation in its best epoch.
    """

    CEL = (
        Rule(
            "self.parallelTrials <= self.maxTrials",
            "tuning.parallelTrials must not exceed tuning.maxTrials: so many trials there would never be at once",
        ),
    )

    objective: MetricName | None = Field(
        None,
        description="The metric that is compared, on what validates; it chooses the epoch of each trial, too. One of the "
        "task's metrics, but for GAUC. When absent NDCG@10 of SequentialRecommendation and Retrieval, LogLoss of Ranking and "
        "Tabular, RMSE of Tabular's Regression. Whether more or less is better follows from it.",
    )
    parameters: tuple[TunedParameter, ...] = Field(
        min_length=1,
        max_length=16,
        json_schema_extra=listing("map", keys=("name",)),
        description="The hyperparameters that are tried; all others are the same in every trial. What the RecModel says of "
        "them does not count.",
    )
    max_trials: int = Field(
        ge=1,
        le=MOST_TRIALS,
        description="How many trials there are; fewer where the space has fewer different ones.",
    )
    parallel_trials: int = Field(
        1,
        ge=1,
        le=MOST_PARALLEL,
        description="How many trials run side by side. They share the CPU and the memory of the run's pods.",
    )
    asha: Asha | None = Field(
        None, description="Ends trials early that are behind; every trial is trained to its end when absent."
    )
    seed: int | None = Field(
        None, ge=0, le=2147483647, description="Seed of what the trials are; spec.seed when absent."
    )


class TuningResult(Model):
    """What the search found. tuning.json of the version has every trial."""

    trials: int = Field(ge=1, description="Trials in all.")
    ended_early: int = Field(0, ge=0, description="Trials that asha ended early.")
    failed: int = Field(0, ge=0, description="Trials that failed.")
    metric: MetricName = Field(description="The metric that was compared, on what validates.")
    best: Figure = Field(description="The winner's value in its best epoch.")
    best_trial: int = Field(ge=1, description="The winner's number.")
    hyperparameters: Hyperparameters = Field(description="What the winner has of tuning.parameters.")
