"""Which version is to be served."""

from collections.abc import Iterable
from dataclasses import dataclass

from recsys_operator.api.common import GateVerdict
from recsys_operator.api.recmodel import ModelVersion
from recsys_operator.api.rollout import DeploymentStatus, Revision
from recsys_operator.decide.deployment import blocks
from recsys_operator.decide.deployment.facts import ModelFacts, Observed, Rival
from recsys_operator.decide.deployment.revisions import revise

HOSTNAME_TAKEN = "HostnameTaken"


@dataclass(frozen=True, slots=True)
class Unresolved:
    """There is nothing to roll out, and why: goes into the condition as it is.

    `revision` is set where the version exists but is blocked.
    """

    reason: str
    message: str
    revision: Revision | None = None


def desired(observed: Observed, status: DeploymentStatus) -> Revision | Unresolved:
    """The revision that spec.version asks for, given what is blocked and what runs by `status`."""
    model, choice = observed.model, observed.spec.version
    if model is None:
        return Unresolved(
            "ModelNotFound",
            f"RecModel {observed.spec.model_ref.name} does not exist in namespace {observed.namespace}: create it, and "
            "this Deployment goes on by itself. If the name is wrong, delete this Deployment and create one with the "
            "right spec.modelRef.name, which cannot be changed.",
        )
    if model.unreadable:
        return Unresolved(
            "ModelUnreadable",
            f"RecModel {observed.spec.model_ref.name} is not as its CRD says ({model.unreadable}): correct it. Until "
            "then no version is rolled out; alerts still take versions back.",
        )
    if observed.spec.strategy and observed.spec.strategy.canary.steps and not observed.by_weight:
        return Unresolved(
            "CanaryNeedsGateway",
            "spec.strategy.canary has steps, but without spec.traffic.gateway requests cannot be shared between "
            "versions: set a gateway, or remove the steps; a new version then takes over at once when its pods are "
            "ready.",
        )
    if observed.rival:
        return Unresolved(HOSTNAME_TAKEN, _taken(observed.rival))
    if choice.pin is not None:
        found = _pinned(observed, model, choice.pin)
    elif choice.follow == "Champion":
        found = _champion(observed, model)
    else:
        found = _latest_passing(observed, status, model)
    if isinstance(found, Unresolved):
        return found
    revision = revise(found, observed.inputs, status, observed.server_image)
    block = blocks.of_revision(status.blocked, revision)
    if block is None:
        return revision
    return Unresolved(
        "VersionBlocked",
        f"Version {revision.version} was taken back and is blocked here ({block.cause}: {block.message}). Choose "
        f"another version, or lift the block with the annotation recsys.dev/unblock: v{revision.version}/<any id>.",
        revision,
    )


def _taken(rival: Rival) -> str:
    owner = f" of Deployment {rival.deployment}" if rival.deployment else ""
    return (
        f"HTTPRoute {rival.route}{owner} was there first with the host name {rival.hostname} and the same match at the "
        "same gateway, so it gets the requests and this Deployment does not: give one of the two another host name in "
        "spec.traffic.hostnames or other matches in spec.traffic.route, or delete one. No rollout begins or goes on "
        "until then."
    )


def deployable(model: ModelFacts | None, version: int) -> ModelVersion | None:
    """The version of this number, if it is known and passed its gates."""
    known = model.versions if model else ()
    return next((entry for entry in known if entry.version == version and entry.verdict == "Passed"), None)


def _pinned(observed: Observed, model: ModelFacts, version: int) -> ModelVersion | Unresolved:
    known = {entry.version: entry for entry in model.versions}
    found = known.get(version)
    name = observed.spec.model_ref.name
    if found is None:
        return Unresolved(
            "VersionNotFound",
            f"RecModel {name} has no version {version}; it has: {_listed(known.values())}. Set spec.version.pin to one "
            "of these, or create a TrainingRun that makes another.",
        )
    if found.verdict == "Failed":
        gates = "; ".join(_told(gate) for gate in observed.failed_gates if gate.verdict == "Failed")
        detail = f" ({gates})" if gates else f" (see TrainingRun {found.run})"
        passed = ", ".join(str(number) for number, entry in sorted(known.items()) if entry.verdict == "Passed")
        return Unresolved(
            "VersionFailedGates",
            f"Version {version} failed its gates{detail} and can never be deployed: pin a version that passed "
            f"({passed or 'there is none yet'}).",
        )
    return found


def _listed(versions: Iterable[ModelVersion]) -> str:
    """Numbers in their order; those that can never be deployed say so."""
    ordered = sorted(versions, key=lambda entry: entry.version)
    return ", ".join(f"{one.version} (failed)" if one.verdict == "Failed" else f"{one.version}" for one in ordered) or (
        "none"
    )


def _told(gate: GateVerdict) -> str:
    """A gate that failed, within a sentence."""
    message = gate.message.rstrip(".") if gate.message else ""
    return f"{gate.name}: {message}" if message else gate.name


def _champion(observed: Observed, model: ModelFacts) -> ModelVersion | Unresolved:
    name = observed.spec.model_ref.name
    if model.champion is None:
        return Unresolved("NoVersion", f"RecModel {name} has no champion yet: spec.version.follow waits for one.")
    found = deployable(model, model.champion.version)
    if found is None or found.digest != model.champion.digest:
        return Unresolved(
            "VersionNotFound", f"RecModel {name} no longer lists its champion, version {model.champion.version}."
        )
    return found


def _passed_over(observed: Observed, status: DeploymentStatus, entry: ModelVersion) -> bool:
    """Whether an older version is followed instead of this one.

    Not where the version serves and only other settings of its pods are blocked: no older version is asked for then.
    """
    if status.stable and status.stable.digest == entry.digest:
        return blocks.of_digest(status.blocked, entry.digest) is not None
    revision = revise(entry, observed.inputs, status, observed.server_image)
    return blocks.of_revision(status.blocked, revision) is not None


def _latest_passing(observed: Observed, status: DeploymentStatus, model: ModelFacts) -> ModelVersion | Unresolved:
    passing = [entry for entry in model.versions if entry.verdict == "Passed"]
    free = [entry for entry in passing if not _passed_over(observed, status, entry)]
    if free:
        return max(free, key=lambda entry: entry.version)
    name = observed.spec.model_ref.name
    if passing:
        numbers = ", ".join(str(entry.version) for entry in passing)
        return Unresolved("VersionBlocked", f"All versions of RecModel {name} that passed are blocked here: {numbers}.")
    return Unresolved("NoVersion", f"RecModel {name} has no version yet that passed its gates.")
