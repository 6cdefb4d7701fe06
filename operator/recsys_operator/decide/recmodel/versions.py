"""The versions of a model: what status remembers and what its runs report, bounded."""

from collections.abc import Iterable, Mapping

from recsys_operator.api.recmodel import Champion, ModelVersion
from recsys_operator.decide.recmodel.champion import champion
from recsys_operator.decide.recmodel.facts import DeploymentFacts, ObservedModel, RunFacts

LIMIT = 50


def union(model: ObservedModel) -> tuple[tuple[ModelVersion, ...], tuple[str, ...]]:
    """All versions, oldest first, and a sentence for each run whose number another version has.

    A version never changes: what status has stays, also when its run was deleted. Of two runs that claim one number,
    which takes an emptied store, the older one has it.
    """
    versions = {version.version: version for version in model.status.versions}
    conflicts: list[str] = []
    for run in sorted(model.runs, key=lambda run: (run.created, run.name)):
        if not run.result.uri.startswith(f"{_store(model)}/"):
            continue
        known = versions.setdefault(run.result.version, _version(run))
        if known.digest != run.result.digest:
            conflicts.append(
                f"TrainingRun {run.name} reports version {known.version} with another digest than the one that "
                f"TrainingRun {known.run} made: the store was changed. Only the older one counts. If the "
                "store was emptied on purpose, delete the runs of before and make the RecModel anew."
            )
    return tuple(versions[number] for number in sorted(versions)), tuple(conflicts)


def awaits(model: ObservedModel, version: int, digest: str) -> bool:
    """Whether the model's status has yet to take a version over from its run: it is to be listed and is not yet.

    Where another version has the number, for good: the run is the evidence.
    """
    wanted, _ = union(model)
    mine = tuple(deployment for deployment in model.deployments if deployment.model == model.name)
    listed = {each.version: each.digest for each in model.status.versions}
    kept = {each.version for each in bounded(wanted, champion(model), mine)}
    return version in kept and listed.get(version) != digest


def with_blocks(versions: Iterable[ModelVersion], deployments: Iterable[DeploymentFacts]) -> tuple[ModelVersion, ...]:
    """The versions, each with the Deployments that block it.

    A Deployment whose status is lost still blocks what it blocked before: it reads that from here.
    """
    deployments = tuple(deployments)
    return tuple(
        version.model_copy(
            update={
                "blocked_by": tuple(
                    sorted(
                        deployment.name
                        for deployment in deployments
                        if version.digest in deployment.blocked
                        or (not deployment.known and deployment.name in version.blocked_by)
                    )
                )[:LIMIT]
            }
        )
        for version in versions
    )


def bounded(
    versions: tuple[ModelVersion, ...], champion: Champion | None, deployments: Iterable[DeploymentFacts]
) -> tuple[ModelVersion, ...]:
    """At most `LIMIT` versions: the oldest failed ones go first, then the oldest that nobody needs.

    Needed are the champion, whatever a Deployment serves or is pinned to, the newest, and the newest that passed.
    """
    needed = {number for deployment in deployments for number in deployment.serves}
    needed |= {newest for newest in (latest(versions), latest_passing(versions)) if newest is not None}
    if champion is not None:
        needed.add(champion.version)
    order: Mapping[int, tuple[bool, bool, int]] = {
        version.version: (version.version in needed, version.verdict == "Passed", version.version)
        for version in versions
    }
    leaving = set(sorted(order, key=lambda number: order[number])[: max(0, len(versions) - LIMIT)])
    return tuple(version for version in versions if version.version not in leaving)


def latest(versions: Iterable[ModelVersion]) -> int | None:
    """The newest version."""
    return max((version.version for version in versions), default=None)


def latest_passing(versions: Iterable[ModelVersion]) -> int | None:
    """The newest version that passed its gates."""
    return latest(version for version in versions if version.verdict == "Passed")


def _store(model: ObservedModel) -> str:
    return f"{model.spec.storage.uri.rstrip('/')}/{model.namespace}/{model.name}/versions"


def _version(run: RunFacts) -> ModelVersion:
    result = run.result
    return ModelVersion(
        version=result.version,
        run=run.name,
        uri=result.uri,
        digest=result.digest,
        verdict="Passed" if run.passed else "Failed",
        metrics=result.metrics,
        protocol=result.protocol,
        init_from=result.init_from,
        ensemble=result.ensemble,
    )
