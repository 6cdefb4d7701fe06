"""The hyperparameters of each architecture: names, types, defaults, bounds and what they mean. No torch in here.

A RecModel and a TrainingRun carry them as strings. One JSON Schema per architecture is generated from this file
(`python -m recsys_workers.models.schema`), so the operator refuses what the trainer would refuse.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


class InvalidHyperparameters(ValueError):
    """Hyperparameters that cannot be trained with. The message names each wrong one and what is allowed."""


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """One declared hyperparameter; `default` is a string like every value that arrives."""

    name: str
    kind: Literal["integer", "number"]
    default: str
    low: float
    high: float
    meaning: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition between two hyperparameters: `left` must be at least, or a multiple of, `right`."""

    left: str
    relation: Literal["at least", "a multiple of"]
    right: str


@dataclass(frozen=True, slots=True)
class Declaration:
    """Everything an architecture accepts. `same_as` gives a default that is another hyperparameter's value."""

    architecture: str
    parameters: tuple[Hyperparameter, ...]
    rules: tuple[Rule, ...] = ()
    same_as: tuple[tuple[str, str], ...] = ()


SASREC = Declaration(
    architecture="SASRec",
    parameters=(
        Hyperparameter("hiddenSize", "integer", "64", 4, 1024, "Width of the item embeddings and of every layer."),
        Hyperparameter("layers", "integer", "2", 1, 12, "Number of transformer blocks."),
        Hyperparameter(
            "heads", "integer", "2", 1, 16, "Attention heads of each block; hiddenSize is a multiple of it."
        ),
        Hyperparameter(
            "maxLength", "integer", "50", 2, 1024, "How many of the latest interactions the model looks at."
        ),
        Hyperparameter(
            "inputLength",
            "integer",
            "50",
            2,
            4096,
            "Length that the exported graph pads every history to; the scores do not depend on it, the cost does. "
            "Default: maxLength.",
        ),
        Hyperparameter(
            "dropout", "number", "0.2", 0.0, 0.9, "Dropout of embeddings, attention and feed-forward layers."
        ),
        Hyperparameter("learningRate", "number", "0.001", 1e-9, 1.0, "Step size of AdamW after warm-up."),
        Hyperparameter("weightDecay", "number", "0.0", 0.0, 1.0, "Decoupled weight decay of AdamW."),
        Hyperparameter("batchSize", "integer", "64", 1, 4096, "Sequences per optimizer step."),
        Hyperparameter("epochs", "integer", "20", 1, 10000, "Passes over the training interactions."),
        Hyperparameter("checkpointEvery", "integer", "1", 1, 10000, "Epochs between two checkpoints."),
    ),
    rules=(
        Rule("hiddenSize", "a multiple of", "heads"),
        Rule("inputLength", "at least", "maxLength"),
    ),
    same_as=(("inputLength", "maxLength"),),
)

DECLARATIONS: Mapping[str, Declaration] = {declaration.architecture: declaration for declaration in (SASREC,)}


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


def declaration_of(architecture: str) -> Declaration:
    """The declaration of an architecture, or InvalidHyperparameters naming those that exist."""
    if architecture not in DECLARATIONS:
        known = ", ".join(sorted(DECLARATIONS))
        raise InvalidHyperparameters(f"The architecture {architecture!r} does not exist: use one of {known}.")
    return DECLARATIONS[architecture]


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
        faults += [fault for rule in declaration.rules if (fault := _rule_fault(rule, values))]
    if faults:
        raise InvalidHyperparameters(" ".join(faults))
    return Hyperparameters(values)


def _unknown(architecture: str, name: str, known: list[str]) -> str:
    near = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name.lower().replace("_", ""), list(near), n=1)
    hint = f"did you mean {near[close[0]]}?" if close else f"it has {', '.join(sorted(known))}."
    return f"{architecture} has no hyperparameter {name!r}: {hint}"


def _fault(parameter: Hyperparameter, value: str) -> str | None:
    low, high = f"{parameter.low:g}", f"{parameter.high:g}"
    wanted = f"a{'n' if parameter.kind == 'integer' else ''} {parameter.kind} from {low} to {high}"
    try:
        number = int(value) if parameter.kind == "integer" else float(value)
    except ValueError:
        return f"The hyperparameter {parameter.name} is {value!r} but must be {wanted}."
    if not parameter.low <= number <= parameter.high:
        return f"The hyperparameter {parameter.name} is {value} but must be {wanted}."
    return None


def _rule_fault(rule: Rule, values: Mapping[str, str]) -> str | None:
    left, right = int(values[rule.left]), int(values[rule.right])
    holds = left >= right if rule.relation == "at least" else left % right == 0
    if holds:
        return None
    return f"The hyperparameter {rule.left} is {left} but must be {rule.relation} {rule.right}, which is {right}."
