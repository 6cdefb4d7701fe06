"""The table of both sides, epoch by epoch, its protocol, and how much sooner ours was as good."""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

from benchmarks.recbole.configuration import ARCHITECTURE, LEAST_RATIO, SETTINGS
from benchmarks.recbole.sides import METRIC
from benchmarks.training.report import data_of

from recsys_workers.models.hyperparameters import check

Epochs = Sequence[Mapping[str, Any]]
CLOCKS = {"clock": "by the clock", "processor": "of the processor"}
DEFAULTS = {"train_batch_size": 2048, "learning_rate": 0.001, "hidden_dropout_prob": 0.5, "n_heads": 2}
"""Of RecBole 1.2.1 (overall.yaml, SASRec.yaml), for what settings.json does not say."""
PROTOCOL = """\
Protocol: {data}, leave-one-out (the last item of each user tests, the one before it validates), all items ranked for
every user, those of the history excluded, {metric} computed by this project's code from the scores of either side.
Both are SASRec with {layers} layers, {hiddenSize} wide, {heads} heads, length {maxLength} and cross-entropy over all
items, on the same machine, in turns of an epoch, with as many threads ({threads}). The sides differ in batch size
(RecBole {train_batch_size} prefixes with one target each, ours {batchSize} windows whose items are all targets), in
learning rate ({learning_rate} against {learningRate}, which warms up and falls) and in dropout ({hidden_dropout_prob}
against {dropout}): RecBole has its defaults, ours were chosen by validation, on another seed, to learn fast. {seeds}
"""


def protocol(digest: str, seeds: Sequence[int], threads: int, folder: str = "") -> str:
    """What stands above the figures: what both sides have in common, in what they differ, which seeds were run."""
    rival = {**DEFAULTS, **SETTINGS["recbole"]}
    run = "One seed was run" if len(seeds) == 1 else f"{len(seeds)} seeds were run"
    told = f"{run}: {', '.join(map(str, seeds))}."
    data = data_of(digest, folder)
    return fill(
        PROTOCOL.format(**rival, **hyperparameters(), data=data, metric=METRIC, threads=threads, seeds=told), 120
    )


def hyperparameters() -> Mapping[str, str]:
    """Ours, defaults filled in."""
    return check(ARCHITECTURE, SETTINGS["ours"]).text


def reached(epochs: Epochs, target: float) -> int | None:
    """The number of the first epoch whose validation figure is at least the target; None when none is."""
    return next((number for number, epoch in enumerate(epochs, start=1) if epoch["validation"] >= target), None)


def seconds(epochs: Epochs, clock: str, *, evaluated: bool) -> float:
    """What epochs took together, without or with the evaluation of the validation items."""
    return float(sum(epoch["training"][clock] + (epoch["evaluation"][clock] if evaluated else 0.0) for epoch in epochs))


def ratios(rival: Epochs, ours: Epochs) -> dict[str, float]:
    """RecBole's seconds up to its last epoch over ours up to the first that is as good; empty when none is."""
    count = reached(ours, rival[-1]["validation"])
    if count is None:
        return {}
    return {
        f"{clock}{'WithEvaluation' if evaluated else ''}": round(
            seconds(rival, clock, evaluated=evaluated) / seconds(ours[:count], clock, evaluated=evaluated), 2
        )
        for clock in CLOCKS
        for evaluated in (False, True)
    }


def pace(epochs: Epochs, clock: str) -> float:
    """Targets per second of training."""
    targets: int = sum(epoch["targets"] for epoch in epochs)
    return targets / seconds(epochs, clock, evaluated=False)


def table(rival: Epochs, ours: Epochs) -> str:
    """Markdown."""
    sides = {"RecBole 1.2.1": rival, "recsys-operator": ours}
    lines = [
        f"| side | epoch | loss | validation {METRIC} | test {METRIC} | training, seconds so far (processor) | "
        "with evaluation (processor) | targets/s (of the processor) |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, epochs in sides.items():
        for number, epoch in enumerate(epochs, start=1):
            so_far = epochs[:number]
            spent = [
                f"{seconds(so_far, 'clock', evaluated=evaluated):.0f} "
                f"({seconds(so_far, 'processor', evaluated=evaluated):.0f})"
                for evaluated in (False, True)
            ]
            figures = [f"{epoch['loss']:.4f}", f"{epoch['validation']:.4f}", f"{epoch['test']:.4f}", *spent]
            one = epochs[number - 1 : number]
            lines.append(
                f"| {name} | {number} | {' | '.join(figures)} | {pace(one, 'clock'):.0f} "
                f"({pace(one, 'processor'):.0f}) |"
            )
    return "\n".join(lines)


def verdict(rival: Epochs, ours: Epochs) -> str:
    """Sentences: who is as good when, how much sooner, and whether that is as much as is to be reached."""
    target = rival[-1]["validation"]
    told = f"RecBole's validation {METRIC} after {len(rival)} epochs is {target:.4f}"
    count = reached(ours, target)
    if count is None:
        best = max((epoch["validation"] for epoch in ours), default=float("nan"))
        short = f"{told}; ours has reached {best:.4f} in {len(ours)} epochs, and so not that."
        return f"{short}\nAt least {LEAST_RATIO:.0f} times sooner: NOT reached."
    found = ratios(rival, ours)
    lines = [f"{told}; ours has {ours[count - 1]['validation']:.4f} after {count}."]
    for clock, said in CLOCKS.items():
        theirs, mine = (seconds(part, clock, evaluated=False) for part in (rival, ours[:count]))
        lines.append(
            f"Seconds {said}: {theirs:.0f} against {mine:.0f}, {found[clock]:.1f} times sooner; with evaluation "
            f"{found[clock + 'WithEvaluation']:.1f} times; targets per second {pace(rival, clock):.0f} against "
            f"{pace(ours[:count], clock):.0f}."
        )
    least = min(found.values())
    said = "reached" if least >= LEAST_RATIO else "NOT reached"
    lines.append(f"The least of these is {least:.1f} times sooner; at least {LEAST_RATIO:.0f}: {said}.")
    return "\n".join(lines)


def rounded(epochs: Epochs) -> list[dict[str, Any]]:
    """The epochs as they are recorded."""
    return [
        {
            name: {clock: round(value, 4) for clock, value in found.items()}
            if isinstance(found, Mapping)
            else round(found, 5)
            for name, found in epoch.items()
        }
        for epoch in epochs
    ]
