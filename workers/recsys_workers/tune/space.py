"""From spec.tuning to the trials of a run: the same seed proposes the same ones, whatever happens to the run. No torch.

Trials are drawn at random, each for itself, from Python's own generator, whose numbers stay the same from one release
to the next. What breaks a rule between two hyperparameters, or was drawn before, is drawn anew.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from recsys_workers.models.declaration import Declaration, Hyperparameter
from recsys_workers.models.hyperparameters import (
    Hyperparameters,
    InvalidHyperparameters,
    check,
    declaration_of,
    value_fault,
)

FRUITLESS = 1000
"""So many draws in a row that break a rule, or were drawn before, mean that there are no other trials."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a hyperparameter may be: one of `values`, or from `low` to `high`."""

    name: str
    values: tuple[str, ...] = ()
    low: str = ""
    high: str = ""
    log: bool = False

    @property
    def ends(self) -> tuple[str, ...]:
        """The values that the space names."""
        return self.values or (self.low, self.high)

    def sentence(self) -> str:
        """Such as `learningRate from 0.001 to 0.1 (Log)`."""
        if self.values:
            return f"{self.name} one of {', '.join(self.values)}"
        return f"{self.name} from {self.low} to {self.high}{' (Log)' if self.log else ''}"


@dataclass(frozen=True, slots=True)
class Asha:
    """When trials that are behind are ended: after `grace` epochs, after `factor` times as many, and so on."""

    grace: int
    factor: int


@dataclass(frozen=True, slots=True)
class Tuning:
    """spec.tuning, with the seed that counts."""

    parameters: tuple[Parameter, ...]
    trials: int
    parallel: int
    asha: Asha | None
    seed: int
    objective: str | None = None
    """The metric that is compared; None where the task's own is."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One of the run's trials, by its number from 1 on; `tuned` is what it has of the space."""

    number: int
    hyperparameters: Hyperparameters
    tuned: Mapping[str, str]

    def sentence(self) -> str:
        """Such as `learningRate 0.01, layers 2`."""
        return ", ".join(f"{name} {value}" for name, value in self.tuned.items())


def parse(document: Mapping[str, Any] | None, seed: int) -> Tuning | None:
    """`tuning` of run.json; `seed` is the run's. Raises ValueError for a scale that there is not."""
    if document is None:
        return None
    for one in document["parameters"]:
        if one.get("scale") not in (None, "Linear", "Log"):
            raise ValueError(f"the scale of {one['name']} is {one['scale']!r}: use Linear or Log")
    asha = document.get("asha")
    own = document.get("seed")
    return Tuning(
        tuple(
            Parameter(
                one["name"],
                tuple(one.get("values") or ()),
                one.get("min") or "",
                one.get("max") or "",
                one.get("scale") == "Log",
            )
            for one in document["parameters"]
        ),
        int(document["maxTrials"]),
        int(document.get("parallelTrials", 1)),
        Asha(int(asha.get("gracePeriod", 1)), int(asha.get("reductionFactor", 3))) if asha is not None else None,
        seed if own is None else int(own),
        document.get("objective"),
    )


def trials(architecture: str, given: Mapping[str, str], tuning: Tuning) -> list[Trial]:
    """At most `tuning.trials` that differ, in their order; raises InvalidHyperparameters when there is none.

    `given` are the run's hyperparameters, of which those that are tuned do not count.
    """
    _require_ends(architecture, tuning)
    declaration = declaration_of(architecture)
    fixed = {name: value for name, value in given.items() if name not in {one.name for one in tuning.parameters}}
    random = Random(tuning.seed)  # noqa: S311  (nothing secret)
    found: dict[tuple[tuple[str, str], ...], Trial] = {}
    refused, fruitless = "", 0
    while len(found) < tuning.trials and fruitless < FRUITLESS:
        fruitless += 1
        drawn = {one.name: _draw(one, declaration, random.random()) for one in tuning.parameters}
        effective = _with_effect(declaration, {**fixed, **drawn}, drawn)
        try:
            checked = check(architecture, effective)
        except InvalidHyperparameters as error:
            refused = str(error)
            continue
        tuned = {name: effective[name] for name in drawn if name in effective}
        key = tuple(sorted(checked.text.items()))
        if key not in found:
            found[key] = Trial(len(found) + 1, checked, tuned)
            fruitless = 0
    if not found:
        raise InvalidHyperparameters(
            f"spec.tuning: no trial that was drawn can be trained with. The last one: {refused}"
        )
    return list(found.values())


def _require_ends(architecture: str, tuning: Tuning) -> None:
    faults = [value_fault(architecture, one.name, value) for one in tuning.parameters for value in one.ends]
    if told := list(dict.fromkeys(fault for fault in faults if fault)):
        raise InvalidHyperparameters(f"spec.tuning.parameters: {' '.join(told)}")


def _draw(parameter: Parameter, declaration: Declaration, share: float) -> str:
    """The value at a share from 0 to 1, without 1, of what the parameter may be."""
    if parameter.values:
        return parameter.values[int(share * len(parameter.values))]
    declared = next(one for one in declaration.parameters if one.name == parameter.name)
    low, high = float(parameter.low), float(parameter.high)
    whole = isinstance(declared, Hyperparameter) and declared.kind == "integer"
    end = high + 1 if whole else high
    drawn = (
        math.exp(math.log(low) + share * (math.log(end) - math.log(low)))
        if parameter.log
        else low + share * (end - low)
    )
    if whole:
        return str(min(int(high), max(int(low), math.floor(drawn))))
    text = f"{drawn:.6g}"
    return parameter.low if float(text) < low else parameter.high if float(text) > high else text


def _with_effect(declaration: Declaration, given: Mapping[str, str], drawn: Mapping[str, str]) -> dict[str, str]:
    """Without what only has an effect with another value than was drawn, such as momentum without SGD."""
    idle = {
        rule.left
        for rule in declaration.rules
        if rule.relation == "only with" and rule.right in drawn and drawn[rule.right] != rule.value
    }
    return {name: value for name, value in given.items() if name not in idle}


def document(tuning: Tuning) -> list[dict[str, Any]]:
    """The space as tuning.json and the manifest have it."""
    return [
        {"name": one.name, "values": list(one.values)}
        if one.values
        else {"name": one.name, "min": one.low, "max": one.high, "scale": "Log" if one.log else "Linear"}
        for one in tuning.parameters
    ]


def longest(among: Sequence[Trial]) -> int:
    """The most epochs that one of the trials has."""
    return max(trial.hyperparameters.integer("epochs") for trial in among)
