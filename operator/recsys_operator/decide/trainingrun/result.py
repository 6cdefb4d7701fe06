"""What a trainer's result means: a version that may be deployed, one that never may, or none of this run's."""

from dataclasses import dataclass

from recsys_operator.api.common import GateVerdict
from recsys_operator.api.recmodel import Gate
from recsys_operator.api.run_config import RunConfig
from recsys_operator.api.trainingrun import RunResult
from recsys_operator.decide.trainingrun.reasons import Reason


@dataclass(frozen=True, slots=True)
class Judgement:
    """The reason and the message of the condition."""

    passed: bool
    reason: Reason
    message: str


def judge(result: RunResult, config: RunConfig) -> Judgement:
    """Hold the result against what the run was told: its place in the store, and every gate of the snapshot."""
    place = version_uri(config, result.version)
    if result.uri != place:
        return Judgement(
            False,
            Reason.RESULT_INVALID,
            f"The trainer reported version {result.version} at {result.uri}, but this run's versions lie at {place}; "
            "the version is not taken.",
        )
    wanted, begun = config.init_from, result.init_from
    if wanted is not None and (begun is None or begun.version != wanted.version):
        with_what = "fresh weights" if begun is None else f"version {begun.version}"
        return Judgement(
            False,
            Reason.RESULT_INVALID,
            f"spec.initFrom names version {wanted.version}, but the trainer began with {with_what}: its image is not "
            f"of the operator's release. Version {result.version} is not taken.",
        )
    if config.tuning is not None and result.tuning is None:
        return Judgement(
            False,
            Reason.RESULT_INVALID,
            "spec.tuning asks for a search, but the trainer trained once: its image is not of the operator's release. "
            f"Version {result.version} is not taken.",
        )
    if not _fused(config, result):
        return Judgement(
            False,
            Reason.RESULT_INVALID,
            f"spec.ensemble names {_members(config)}, but the trainer did not fuse these: its image is not of the "
            f"operator's release. Version {result.version} is not taken.",
        )
    sentences = [sentence for gate in config.gates if (sentence := _shortfall(gate, result))]
    if not sentences and result.verdict == "Failed":
        sentences = ["the trainer failed the version, whatever its gates say"]
    if sentences:
        return Judgement(
            False,
            Reason.GATES_FAILED,
            f"{'; '.join(sentences)}; version {result.version} can never be deployed",
        )
    tried = "" if result.tuning is None else f", the best of {result.tuning.trials} trials,"
    origin = "" if begun is None else f", which began with version {begun.version},"
    if result.ensemble is not None:
        origin = f", which fuses {_members(config)},"
    figures = "".join(f", {metric.name} {metric.value}" for metric in result.metrics)
    gates = f"{len(config.gates)} gate{'' if len(config.gates) == 1 else 's'}"
    return Judgement(True, Reason.VERSION_CREATED, f"version {result.version}{origin}{tried} passed {gates}{figures}")


def _fused(config: RunConfig, result: RunResult) -> bool:
    """Whether the version is of the members that the run names, where it names any."""
    wanted, found = config.ensemble, result.ensemble
    if wanted is None or found is None:
        return wanted is None
    versions = [[one.version for one in each.versions] for each in (wanted, found)]
    return wanted.method == found.method and versions[0] == versions[1] and wanted.seeds == found.seeds


def _members(config: RunConfig) -> str:
    """Such as `the Scores of the versions 1, 2`."""
    wanted = config.ensemble
    if wanted is None:
        return "none"
    numbers = [one.version for one in wanted.versions] or wanted.seeds
    of_what = "versions" if wanted.versions else "seeds"
    return f"the {wanted.method} of the {of_what} {', '.join(map(str, numbers))}"


def version_uri(config: RunConfig, version: int) -> str:
    """Where the store keeps a version of the run's model."""
    return f"{config.storage.uri.rstrip('/')}/{config.namespace}/{config.model}/versions/{version}"


def _shortfall(gate: Gate, result: RunResult) -> str | None:
    """Why a gate did not pass; a gate without a verdict did not pass."""
    verdict = next((verdict for verdict in result.gates if verdict.name == gate.name), None)
    if verdict is None:
        return f"gate {gate.name}: the trainer gave no verdict"
    return None if verdict.verdict == "Passed" else f"gate {gate.name}: {_sentence(gate, verdict)}"


def _sentence(gate: Gate, verdict: GateVerdict) -> str:
    metric, value, threshold = verdict.metric, verdict.value, verdict.threshold
    if metric is None or value is None or threshold is None:
        return verdict.message.rstrip(".") or "it failed"
    if gate.floor is not None and gate.floor.min is not None:
        return f"{metric} {value} is below the floor {threshold}"
    return verdict.message.rstrip(".") or f"{metric} {value} does not meet {threshold}"
