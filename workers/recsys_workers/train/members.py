"""The versions that an ensemble is fused of: found, verified, and of the run's task, columns, data and split. No torch.

What was learned from other rows, or from rows under another split, may know this run's test: it is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from recsys_workers.manifest import ITEMS, MODEL, PREPROCESSING, Manifest, Version
from recsys_workers.models.hyperparameters import Hyperparameters, InvalidHyperparameters, declaration_of
from recsys_workers.tasks import OF_ROWS
from recsys_workers.train.axes import NEW, Axis
from recsys_workers.train.failure import AttemptFailed
from recsys_workers.train.named_version import Search
from recsys_workers.train.run_config import SCORES, WEIGHTS, NamedVersion, RunConfig
from recsys_workers.train.same_network import Difference, differences, of_rows_and_columns
from recsys_workers.train.work import Facts

FIELD = "spec.ensemble.versions"
NO_SPLIT = ("split", "interval", "crossValidation", "excludeSeen", "candidates", "order", "ties")
"""What a manifest's protocol says that decides neither which rows are learned from nor which ones test."""


@dataclass(frozen=True, slots=True)
class Member:
    """One version, with its weights, names and graph."""

    version: Version
    hyperparameters: Hyperparameters
    """All that its architecture has by now: what it was trained with, and defaults for what came later."""

    @property
    def described(self) -> Manifest:
        """Its manifest."""
        return self.version.manifest

    @property
    def number(self) -> int:
        """Its number."""
        return self.described.version


def members(config: RunConfig) -> Sequence[Member]:
    """Those that the run names, in its order; none where it names no versions. Raises AttemptFailed."""
    if config.ensemble is None:
        return ()
    found = [_member(config, named) for named in config.ensemble.versions]
    if found and config.ensemble.method == WEIGHTS:
        _require_one_network(config, found)
    return found


def _member(config: RunConfig, named: NamedVersion) -> Member:
    hyperparameters: list[Hyperparameters] = []

    def require(described: Manifest) -> None:
        if different := of_rows_and_columns(described, config):
            refuse("; ".join(one.text(described.version) for one in different))
        try:
            hyperparameters.append(_completed(described))
        except InvalidHyperparameters as error:
            refuse(f"this release cannot make version {described.version}. {error}")

    graph = {MODEL} if config.ensemble and config.ensemble.method == SCORES else set()
    version = Search(config, named, FIELD, "Ensemble").version({ITEMS, PREPROCESSING} | graph, require)
    return Member(version, hyperparameters[0])


def _completed(described: Manifest) -> Hyperparameters:
    """With the defaults of what its trainer did not have yet; raises InvalidHyperparameters for what is not built."""
    declared = declaration_of(described.architecture).parameters
    return Hyperparameters({one.name: str(described.hyperparameters.get(one.name, one.default)) for one in declared})


def _require_one_network(config: RunConfig, found: Sequence[Member]) -> None:
    first = found[0]
    same = replace(config, architecture=first.described.architecture, schema=first.described.schema)
    for other in found[1:]:
        if different := differences(other.described, same, first.hyperparameters):
            told = "; ".join(_between(one, other.number, first.number) for one in different)
            refuse(f"{told}, and the weights of two networks have no mean: use spec.ensemble.method Scores")


def _between(one: Difference, theirs: int, first: int) -> str:
    return f"{one.field} is {one.ours} in version {first} and {one.theirs} in version {theirs}"


def require_same_data(found: Sequence[Member], facts: Facts) -> None:
    """Refuse members that were made from other bytes than the run reads, or under another split of them."""
    for member in found:
        theirs, ours = member.described.dataset["digest"], facts.dataset["digest"]
        if theirs != ours:
            refuse(
                f"version {member.number} was made from data with the digest {theirs}, and this run reads {ours}. What "
                "it learned from may be what this run tests"
            )
        if different := _protocols(member.described.protocol, facts.protocol):
            refuse(
                f"{'; '.join(one.text(member.number) for one in different)}. Under another split it may have learned "
                "from what this run tests"
            )


def _protocols(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> list[Difference]:
    names = [name for name in {**theirs, **ours} if name not in NO_SPLIT]
    return [
        Difference(f"protocol.{name}", str(theirs.get(name)), str(ours.get(name)))
        for name in names
        if theirs.get(name) != ours.get(name)
    ]


def require_whole(axis: Axis, member: Member, what: str, theirs: Sequence[str], ours: Sequence[str]) -> Axis:
    """The axis, of which the member must have all that the run has, and nothing else."""
    strange = next((ours[index] for index, place in enumerate(axis.places) if place == NEW), None)
    gone = next(iter(set(theirs) - set(ours)), None)
    if strange is not None:
        refuse(f"this run has {len(ours)} {what}, and version {member.number} knows no {strange!r}")
    if gone is not None:
        refuse(f"version {member.number} has {len(theirs)} {what}, and this run has no {gone!r}")
    return axis


def fused_by(config: RunConfig, found: Sequence[Member]) -> tuple[RunConfig, Hyperparameters]:
    """The run as its manifest tells it: the members' architecture, and the hyperparameters that they have in common.

    Of what differs only the longest maxLength and inputLength remain, which the graph has.
    """
    architectures = sorted({member.described.architecture for member in found})
    texts = [member.hyperparameters.text for member in found]
    common = {name: value for name, value in texts[0].items() if all(other.get(name) == value for other in texts[1:])}
    if config.task not in OF_ROWS:
        for name in ("maxLength", "inputLength"):
            common[name] = str(max(int(text[name]) for text in texts))
    seed = found[0].described.seed
    return replace(config, architecture=" + ".join(architectures), seed=seed), Hyperparameters(common)


def lineage(config: RunConfig, found: Sequence[Member]) -> Mapping[str, Any] | None:
    """Manifest.ensemble; None of a single model."""
    if config.ensemble is None:
        return None
    if not found:
        return {"method": config.ensemble.method, "seeds": list(config.ensemble.seeds)}
    versions = [
        {
            "version": member.number,
            "digest": member.version.digest,
            "architecture": member.described.architecture,
            "seed": member.described.seed,
            "run": dict(member.described.run),
            "initFrom": member.described.init_from,
        }
        for member in found
    ]
    return {"method": config.ensemble.method, "versions": versions}


def refuse(difference: str) -> NoReturn:
    """Raise AttemptFailed for members that do not fit together, or with the run; `difference` says why, as a clause."""
    text = f"{FIELD}: {difference.rstrip('.')}. Name versions that were made from the same data under the same rules."
    raise AttemptFailed("EnsembleMismatch", text, heals=False)
