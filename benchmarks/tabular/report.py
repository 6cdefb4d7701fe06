"""The table of both sides, its protocol, and whether what is to be reached is."""

from collections.abc import Mapping, Sequence
from statistics import mean
from textwrap import fill
from typing import Any

from benchmarks.tabular.configuration import (
    ARCHITECTURE,
    BAYES_ACCURACY,
    DATA_SEED,
    FEATURES,
    GIVEN_ACCURACY,
    GIVEN_MILLISECONDS,
    HYPERPARAMETERS,
    LEAST_ACCURACY,
    LEAST_RATIO,
    ROWS,
)

from recsys_workers.models.hyperparameters import check

Results = Sequence[Mapping[str, Any]]
CLOCK, PROCESSOR = "median", "processor"
PROTOCOL = """\
Protocol: {rows:,} generated rows of {features} numbers (`--table numbers`, seed {data_seed}) with a label of which
nobody can tell more than {best:.0%}, in random parts: 80% train, 10% validate, 10% test. Both sides are
{features} → {hiddenSize} → 1, trained for {epochs} epochs with batches of {batchSize} and a learning rate of
{learningRate}, one thread, on the same machine, in turns of an epoch. The plain loop is torch with Adam, reads a row
group of a Parquet file a step, and is scored by torch after its last epoch. Ours has a warm-up, weight decay
({weightDecay}) and averaged weights ({averageDecay}) too, and is scored by the exported ONNX graph of the epoch that
validated best; its hyperparameters were chosen on other rows (seed 1). Seeds of the training: {seeds}.
Given target: {accuracy:.2%}, {milliseconds:.0f} ms a step (not measured here).
"""


def protocol(results: Results, rows: int = ROWS) -> str:
    """What stands above the figures."""
    told = PROTOCOL.format(
        **dict(check(ARCHITECTURE, HYPERPARAMETERS).text),
        rows=rows,
        features=FEATURES,
        data_seed=DATA_SEED,
        best=BAYES_ACCURACY,
        seeds=", ".join(str(result["seed"]) for result in results),
        accuracy=GIVEN_ACCURACY,
        milliseconds=GIVEN_MILLISECONDS,
    )
    return fill(told, 120)


def table(results: Results) -> str:
    """Markdown: a line a seed and side."""
    lines = [
        "| side | seed | test accuracy | a step, ms: middle one / mean / processor | times as fast as 36 ms |",
        "| --- | --- | --- | --- | --- |",
        f"| given target (not measured here) | | {GIVEN_ACCURACY:.2%} | {GIVEN_MILLISECONDS:.0f} | 1 |",
    ]
    for result in results:
        for side, found in (("plain loop, a row group a step", result["reference"]), ("recsys-operator", result)):
            step = found["stepMilliseconds"]
            spread = f" ± {found['accuracy±']:.2%}" if "accuracy±" in found else ""
            lines.append(
                f"| {side} | {result['seed']} | {found['accuracy']:.2%}{spread} | {step[CLOCK]:.2f} / "
                f"{step['mean']:.2f} / {step[PROCESSOR]:.2f} | {GIVEN_MILLISECONDS / step[CLOCK]:.0f} |"
            )
    best = results[0]["best"]
    return "\n".join([*lines, f"| who knows the rule ({BAYES_ACCURACY:.0%} expected) | | {best:.2%} | | |"])


def ratios(results: Results, clock: str) -> tuple[float, float]:
    """How many steps of ours fit into 36 ms, and into one of the plain loop on this machine; means over seeds."""
    ours = mean(result["stepMilliseconds"][clock] for result in results)
    reference = mean(result["reference"]["stepMilliseconds"][clock] for result in results)
    return GIVEN_MILLISECONDS / ours, reference / ours


def verdict(results: Results) -> str:
    """Sentences."""
    worst = min(result["accuracy"] for result in results)
    of_given, of_plain = ratios(results, CLOCK)
    given_cpu, plain_cpu = ratios(results, PROCESSOR)
    reached = {True: "reached", False: "NOT reached"}
    return "\n".join(
        [
            f"The lowest accuracy is {worst:.2%}; at least {LEAST_ACCURACY:.2%}: {reached[worst >= LEAST_ACCURACY]}.",
            f"A step is {of_given:.0f} times as fast as 36 ms (by the processor's time {given_cpu:.0f} times); "
            f"at least {LEAST_RATIO:.0f}: {reached[of_given >= LEAST_RATIO]}.",
            f"Beside the plain loop in the same run it is {of_plain:.1f} times as fast (by the processor's time "
            f"{plain_cpu:.1f} times).",
        ]
    )
