"""What differs by task in an attempt. The attempt calls it in the order of the methods."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from recsys_workers.evaluate import gates
from recsys_workers.evaluate.gates import Verdict
from recsys_workers.evaluate.metrics import Estimate
from recsys_workers.manifest import FileEntry, Manifest
from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.train.fence import Fence
from recsys_workers.tune.outcomes import Objective

if TYPE_CHECKING:
    from recsys_workers.train.members import Member


@dataclass(frozen=True, slots=True)
class Judgement:
    """The metrics of the candidate and the verdict of each gate."""

    metrics: list[Estimate]
    verdicts: list[Verdict]
    cross_validation: Mapping[str, Any] = field(default_factory=dict)
    """See Manifest."""

    @property
    def verdict(self) -> str:
        """Passed when every gate passed."""
        return gates.PASSED if all(entry.verdict == gates.PASSED for entry in self.verdicts) else gates.FAILED


def each_gate(
    all_gates: Iterable[Mapping[str, Any]],
    verdict: Callable[[Mapping[str, Any]], Verdict],
    on_gate: Callable[[str], None],
) -> list[Verdict]:
    """The verdicts in the order of the gates; `on_gate` hears each gate's name before it is judged."""
    verdicts = []
    for gate in all_gates:
        on_gate(gate["name"])
        verdicts.append(verdict(gate))
    return verdicts


@dataclass(frozen=True, slots=True)
class Facts:
    """The task's part of the manifest."""

    dataset: Mapping[str, Any]
    protocol: Mapping[str, Any]
    max_length: int = 0
    input_length: int = 0
    top_k: int = 0


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The task's part of evaluation.json."""

    best_epoch: int
    validation: Mapping[str, str]
    scores: Mapping[str, Any] = field(default_factory=dict)


Describe = Callable[[int, list[FileEntry]], Manifest]


class Work(Protocol):
    """One task's part of one attempt."""

    hyperparameters: Hyperparameters
    """Of a search those of its winner, once that is known; `load` does not depend on them."""

    def objective(self) -> Objective:
        """The metric by which the task's training validates; once loaded."""
        ...

    def load(self) -> str:
        """Read and check the dataset, and lay it down for Ray's worker; a sentence on it. Raises AttemptFailed."""
        ...

    def settings(self) -> Mapping[str, Any]:
        """What Ray's worker is told besides what every task tells it."""
        ...

    def fuse(self, members: "Sequence[Member]", method: str, threads: int, fence: Fence) -> None:
        """Lay down what Ray's worker would have, of members instead of a training.

        Raises AttemptFailed, StoreUnreachable, and Superseded.
        """
        ...

    def facts(self) -> Facts:
        """What the manifest says."""
        ...

    def collect(self) -> dict[str, bytes]:
        """The files of the version, by name, after the training: but for evaluation, card and manifest."""
        ...

    def judge(
        self, contents: dict[str, bytes], describe: Describe, threads: int, on_gate: Callable[[str], None]
    ) -> Judgement:
        """Metrics and verdicts; `on_gate` hears each gate's name before it is judged."""
        ...

    def evaluated(self) -> Evaluated:
        """What evaluation.json says besides the manifest."""
        ...

    def card(self, described: Manifest) -> str:
        """The model card."""
        ...
