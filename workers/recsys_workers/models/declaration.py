"""What an architecture's file declares of its hyperparameters. No torch in here.

A RecModel and a TrainingRun carry them as strings. One JSON Schema an architecture is generated from the declarations
(`hack/test.sh generate`) and packaged with the trainer and with the operator, so both refuse the same, before a process
that has torch is started.
"""

from dataclasses import dataclass, replace
from typing import Literal

from recsys_workers.tasks import SEQUENTIAL

ON, OFF = "On", "Off"


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """One declared number; `default` is a string like every value that arrives, `low` and `high` are allowed."""

    name: str
    kind: Literal["integer", "number"]
    default: str
    low: float
    high: float
    meaning: str
    keeps_weights: bool = False
    """Whether weights mean the same with another value: a run that begins with a version's may change it then."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One declared hyperparameter whose value is one of a few words."""

    name: str
    allowed: tuple[str, ...]
    meaning: str
    keeps_weights: bool = False
    """As of a Hyperparameter."""

    @property
    def default(self) -> str:
        """The first one that is allowed."""
        return self.allowed[0]


def keeping_weights(*parameters: Hyperparameter | Choice) -> tuple[Hyperparameter | Choice, ...]:
    """The parameters as such that change how a network is trained, and not the network."""
    return tuple(replace(parameter, keeps_weights=True) for parameter in parameters)


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition between two hyperparameters.

    `left` must be at least, or a multiple of, `right` or twice `right`; or `left` may only be given with `right` being
    `value`, because it would change nothing otherwise.
    """

    left: str
    relation: Literal["at least", "at least twice", "a multiple of", "a multiple of twice", "only with"]
    right: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Declaration:
    """Everything an architecture accepts. `same_as` gives a default that is another hyperparameter's value."""

    architecture: str
    description: str
    """A sentence with the source."""
    parameters: tuple[Hyperparameter | Choice, ...]
    rules: tuple[Rule, ...] = ()
    same_as: tuple[tuple[str, str], ...] = ()
    task: str = SEQUENTIAL
    """The one value of spec.task that it is for."""
    attributes: bool = False
    """Whether it can be told what items are; see recsys_workers.models.items."""
