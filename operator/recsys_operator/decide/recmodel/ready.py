"""The condition `Ready` of a RecModel: is there a version that may be deployed, and is nothing amiss?"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from recsys_operator.api.locations import claim_of
from recsys_operator.api.recmodel import Champion, ModelVersion
from recsys_operator.decide.hyperparameters import Source, faults
from recsys_operator.decide.recmodel.champion import champion_deployment
from recsys_operator.decide.recmodel.facts import ObservedModel
from recsys_operator.decide.recmodel.versions import latest_passing


class Reason(StrEnum):
    """Of the condition `Ready`."""

    INVALID_HYPERPARAMETERS = "InvalidHyperparameters"
    """False: no TrainingRun can start with spec.architecture.hyperparameters."""
    VERSION_CONFLICT = "VersionConflict"
    """False: two runs made the same number."""
    NO_VERSION = "NoVersion"
    """False: no run has made a version yet."""
    NO_PASSING_VERSION = "NoPassingVersion"
    """False: none of the versions passed its gates."""
    CHAMPION_DEPLOYMENT_NOT_FOUND = "ChampionDeploymentNotFound"
    """False: the Deployment in spec.championFrom does not exist (yet)."""
    CHAMPION_DEPLOYMENT_MISMATCH = "ChampionDeploymentMismatch"
    """False: the Deployment in spec.championFrom serves another model."""
    VERSION_AVAILABLE = "VersionAvailable"
    """True: there is a version that may be deployed."""


@dataclass(frozen=True, slots=True)
class Input:
    """The model and what was found out about it."""

    model: ObservedModel
    versions: tuple[ModelVersion, ...]
    champion: Champion | None
    conflicts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Readiness:
    """What the condition says."""

    status: Literal["True", "False"]
    reason: Reason
    message: str


Policy = Callable[[Input], Readiness | None]


def invalid_hyperparameters(found: Input) -> Readiness | None:
    """Told here already, because every run would fail for them."""
    architecture = found.model.spec.architecture
    sentences = faults(
        architecture.name, Source("spec.architecture.hyperparameters", architecture.hyperparameters or {})
    )
    return _no(Reason.INVALID_HYPERPARAMETERS, " ".join(sentences)) if sentences else None


def version_conflict(found: Input) -> Readiness | None:
    """Somebody changed the store; a number must name one version for good."""
    return _no(Reason.VERSION_CONFLICT, " ".join(found.conflicts)) if found.conflicts else None


def no_version(found: Input) -> Readiness | None:
    """Nothing to deploy yet."""
    if latest_passing(found.versions) is not None:
        return None
    if not found.versions:
        claim = claim_of(found.model.spec.storage.uri)
        champion = champion_deployment_missing(found)
        return _no(
            Reason.NO_VERSION,
            f"There is no version yet: create a TrainingRun with spec.modelRef.name {found.model.name}. Its pod needs "
            f"the claim {claim}, which spec.storage.uri names.{f' {champion.message}' if champion else ''}",
        )
    return _no(
        Reason.NO_PASSING_VERSION,
        f"None of {_count(len(found.versions), 'version')} passed the gates; the TrainingRuns' conditions say why.",
    )


def champion_deployment_missing(found: Input) -> Readiness | None:
    """A reference that leads nowhere heals by itself once the Deployment is there."""
    named = found.model.spec.champion_from
    if named is None:
        return None
    deployment = champion_deployment(found.model)
    kept = f" Version {found.champion.version} stays the champion." if found.champion else " There is no champion."
    if deployment is None:
        return _no(
            Reason.CHAMPION_DEPLOYMENT_NOT_FOUND,
            f"spec.championFrom names the Deployment {named.name} (recsys.dev), which does not exist.{kept}",
        )
    if deployment.model != found.model.name:
        return _no(
            Reason.CHAMPION_DEPLOYMENT_MISMATCH,
            f"spec.championFrom names the Deployment {named.name}, which serves the model {deployment.model}.{kept}",
        )
    return None


def version_available(found: Input) -> Readiness:
    """All is well."""
    passed = sum(version.verdict == "Passed" for version in found.versions)
    told = (
        f"Version {latest_passing(found.versions)} is the newest of {_count(passed, 'version')} that passed the gates"
    )
    champion = f"; version {found.champion.version} is the champion" if found.champion else ""
    return Readiness("True", Reason.VERSION_AVAILABLE, f"{told}{champion}.{_without_champion(found)}")


POLICIES: tuple[Policy, ...] = (
    # Faults that a person must mend come before what only takes time.
    invalid_hyperparameters,
    version_conflict,
    no_version,
    champion_deployment_missing,
)


def readiness(found: Input) -> Readiness:
    """The first policy that has an opinion decides."""
    for policy in POLICIES:
        verdict = policy(found)
        if verdict is not None:
            return verdict
    return version_available(found)


def _without_champion(found: Input) -> str:
    """A gate that compares with nothing passes always, which its author should know."""
    spec = found.model.spec
    gates = [gate.name for gate in spec.gates or () if gate.champion]
    if not gates or spec.champion_from is not None:
        return ""
    return (
        f" The gate {gates[0]} passes always, since there is no champion to compare with: name in spec.championFrom "
        "the Deployment that serves this model."
    )


def _no(reason: Reason, message: str) -> Readiness:
    return Readiness("False", reason, message)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
