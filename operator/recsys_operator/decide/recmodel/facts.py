"""Everything that the decision about a RecModel rests on, as it was read."""

from dataclasses import dataclass

from recsys_operator.api.recmodel import RecModelSpec, RecModelStatus
from recsys_operator.api.trainingrun import RunResult


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A decided TrainingRun that made a version of the model."""

    name: str
    created: str
    passed: bool
    result: RunResult


@dataclass(frozen=True, slots=True)
class Served:
    """A version as a Deployment has it."""

    version: int
    digest: str


@dataclass(frozen=True, slots=True)
class DeploymentFacts:
    """A Deployment of the namespace. `known` is false when its status was never written, or was lost.

    `stable` is what a completed rollout left; `serves` is every version that it has pods of or is pinned to.
    """

    name: str
    model: str
    known: bool
    stable: Served | None = None
    serves: frozenset[int] = frozenset()
    blocked: frozenset[str] = frozenset()
    """Digests."""


@dataclass(frozen=True, slots=True)
class ObservedModel:
    """A RecModel, the runs that made versions of it, and the Deployments of its namespace."""

    namespace: str
    name: str
    uid: str
    generation: int
    spec: RecModelSpec
    status: RecModelStatus
    runs: tuple[RunFacts, ...] = ()
    deployments: tuple[DeploymentFacts, ...] = ()
