"""Checking the hyperparameters of a run against what its architecture declares. No torch in here.

The declarations stand in the architectures' files, beside torch modules; what is read here are the JSON Schemas that
were generated from them.
"""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from recsys_workers.models.declaration import Choice, Declaration, Hyperparameter, Rule
from recsys_workers.models.registry import ARCHITECTURES
from recsys_workers.models.schema import declaration_in, file_of

SCHEMAS = Path(__file__).parent / "schemas"


class InvalidHyperparameters(ValueError):
    """Hyperparameters that cannot be trained with. The message names each wrong one and what is allowed."""


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """Checked values. `text` is the full effective set as strings, defaults filled in, for the manifest."""

    text: Mapping[str, str]

    def integer(self, name: str) -> int:
        """The value of an integer hyperparameter."""
        return int(self.text[name])

    def number(self, name: str) -> float:
        """The value of a hyperparameter as a float."""
        return float(self.text[name])

    def choice(self, name: str) -> str:
        """The value of a hyperparameter that is one of a few words."""
        return self.text[name]


def declaration_of(architecture: str) -> Declaration:
    """The declaration of an architecture, or InvalidHyperparameters naming those that exist."""
    if architecture not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise InvalidHyperparameters(f"The architecture {architecture!r} does not exist: use one of {known}.")
    return _read(SCHEMAS / file_of(architecture))


def wrong_task(architecture: str, task: str) -> str | None:
    """A sentence when the task does not exist or the architecture is for another one; None when they fit.

    An architecture that does not exist is left to `declaration_of`.
    """
    of_task: dict[str, list[str]] = {}
    for name in sorted(ARCHITECTURES):
        of_task.setdefault(declaration_of(name).task, []).append(name)
    if task not in of_task:
        return f"The task {task!r} is not supported: use {' or '.join(of_task)}."
    if architecture not in ARCHITECTURES or architecture in of_task[task]:
        return None
    meant = declaration_of(architecture).task
    return (
        f"The architecture {architecture} is for the task {meant}, not for {task}: use {' or '.join(of_task[task])}, "
        f"or a RecModel with the task {meant}."
    )


def no_attributes(architecture: str) -> str | None:
    """A sentence when the architecture cannot be told what items are; None when it can, or does not exist."""
    if architecture not in ARCHITECTURES or declaration_of(architecture).attributes:
        return None
    able = [name for name in sorted(ARCHITECTURES) if declaration_of(name).attributes]
    return (
        f"The architecture {architecture} takes no attributes of items: leave dataset.items out, or use "
        f"{' or '.join(able)}."
    )


@cache
def _read(schema: Path) -> Declaration:
    return declaration_in(json.loads(schema.read_text()))


def check(architecture: str, given: Mapping[str, str]) -> Hyperparameters:
    """Fill in defaults and check names, types, bounds and rules. Every fault is in the one error raised."""
    declaration = declaration_of(architecture)
    declared = {parameter.name: parameter for parameter in declaration.parameters}
    faults = [_unknown(architecture, name, list(declared)) for name in given if name not in declared]
    values = {name: parameter.default for name, parameter in declared.items()} | {
        name: value for name, value in given.items() if name in declared
    }
    for name, source in declaration.same_as:
        if name not in given:
            values[name] = values[source]
    broken = [fault for name, parameter in declared.items() if (fault := _fault(parameter, values[name]))]
    faults += broken
    if not broken:
        faults += [fault for rule in declaration.rules if (fault := _rule_fault(rule, values, given))]
    if faults:
        raise InvalidHyperparameters(" ".join(faults))
    return Hyperparameters(values)


def value_fault(architecture: str, name: str, value: str) -> str | None:
    """A sentence when the architecture has no such hyperparameter, or it cannot have the value; None when it can."""
    declared = {parameter.name: parameter for parameter in declaration_of(architecture).parameters}
    if name not in declared:
        return _unknown(architecture, name, list(declared))
    return _fault(declared[name], value)


def _unknown(architecture: str, name: str, known: list[str]) -> str:
    near = _near(name.replace("_", ""), known)
    hint = f"did you mean {near}?" if near else f"it has {', '.join(sorted(known))}."
    return f"{architecture} has no hyperparameter {name!r}: {hint}"


def _near(word: str, known: list[str] | tuple[str, ...]) -> str | None:
    lower = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(word.lower(), list(lower), n=1)
    return lower[close[0]] if close else None


def _fault(parameter: Hyperparameter | Choice, value: str) -> str | None:
    if isinstance(parameter, Choice):
        return _choice_fault(parameter, value)
    low, high = f"{parameter.low:g}", f"{parameter.high:g}"
    wanted = f"a{'n' if parameter.kind == 'integer' else ''} {parameter.kind} from {low} to {high}"
    try:
        number = int(value) if parameter.kind == "integer" else float(value)
    except ValueError:
        return f"The hyperparameter {parameter.name} is {value!r} but must be {wanted}."
    if not parameter.low <= number <= parameter.high:
        return f"The hyperparameter {parameter.name} is {value} but must be {wanted}."
    return None


def _choice_fault(parameter: Choice, value: str) -> str | None:
    if value in parameter.allowed:
        return None
    wanted = f"one of {', '.join(parameter.allowed)}" if len(parameter.allowed) > 1 else parameter.allowed[0]
    near = _near(value, parameter.allowed) if len(parameter.allowed) > 1 else None
    hint = f"; did you mean {near}?" if near else "."
    return f"The hyperparameter {parameter.name} is {value!r} but must be {wanted}{hint}"


def _rule_fault(rule: Rule, values: Mapping[str, str], given: Mapping[str, str]) -> str | None:
    if rule.relation == "only with":
        if rule.left not in given or values[rule.right] == rule.value:
            return None
        return (
            f"The hyperparameter {rule.left} is given but changes nothing, because {rule.right} is "
            f"{values[rule.right]}: leave {rule.left} out, or set {rule.right} to {rule.value}."
        )
    left, right = int(values[rule.left]), int(values[rule.right])
    bound = 2 * right if rule.relation.endswith(" twice") else right
    if left >= bound if rule.relation.startswith("at least") else left % bound == 0:
        return None
    return f"The hyperparameter {rule.left} is {left} but must be {rule.relation} {rule.right}, which is {right}."
