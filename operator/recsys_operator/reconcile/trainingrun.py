"""TrainingRun: observe → decide → build → apply."""

import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pydantic.alias_generators import to_camel

from recsys_operator import __version__, metrics
from recsys_operator.api.kinds import (
    CONFIGMAPS,
    JOBS,
    RAYCLUSTERS,
    RAYJOBS,
    ROLEBINDINGS,
    ROLES,
    SERVICEACCOUNTS,
    TRAININGRUNS,
    Resource,
)
from recsys_operator.api.run_config import RunConfig
from recsys_operator.api.trainingrun import TrainingRunStatus
from recsys_operator.apply.changes import apply_children, attempt, drop_status, failure, write_status
from recsys_operator.apply.client import ApiError, Client
from recsys_operator.build import ray_job
from recsys_operator.build.job import training_job, with_suspend
from recsys_operator.build.labels import Manifest, Owner
from recsys_operator.build.run_config import config_map, run_config
from recsys_operator.build.trainer_access import role, role_binding, service_account
from recsys_operator.decide.refusal import Refusal
from recsys_operator.decide.trainingrun.decision import RunDecision, decide, decided, holds_gpus
from recsys_operator.decide.trainingrun.expiry import seconds_left
from recsys_operator.decide.trainingrun.facts import ModelFacts, ObservedRun
from recsys_operator.decide.trainingrun.figures import OF_THE_MOMENT
from recsys_operator.decide.trainingrun.policies import LOOK_AGAIN
from recsys_operator.decide.trainingrun.rayjobs import OVER, RayStep, written
from recsys_operator.observe.recmodel import awaits_version
from recsys_operator.observe.trainer_pods import ray_attempt
from recsys_operator.observe.trainingrun import NO_CHILDREN, Children, observed_run, owner_of, read_children, read_model
from recsys_operator.reconcile.loop import Key, live
from recsys_operator.reconcile.notices import tell
from recsys_operator.settings import Settings

logger = logging.getLogger(__name__)


class TrainingRunReconciler:
    """Makes a TrainingRun's children and tells in its status what became of them."""

    resource = TRAININGRUNS

    def __init__(self, client: Client, settings: Settings) -> None:
        self.client = client
        self.settings = settings
        self._missed: set[Key] = set()
        """Runs with RayJobs at whose last look the API server knew of no RayJobs."""

    async def __call__(self, key: Key, inbox: tuple[Any, ...] = ()) -> float | None:
        """Reconcile once; the seconds after which to look again, if before the resync."""
        obj = await live(self.client, TRAININGRUNS, key)
        if "deletionTimestamp" in obj["metadata"]:
            return None
        children, model = NO_CHILDREN, None
        known = TrainingRunStatus.model_validate(obj.get("status") or {})
        if not decided(known) or holds_gpus(known):
            workers, elastic = _workers(obj)
            children = await read_children(self.client, key.namespace, key.name, workers, elastic=elastic)
            self._believe(key, known, kuberay=children.kuberay)
            # After the children: the trainer writes its result before its pod ends and the Job completes.
            obj = await live(self.client, TRAININGRUNS, key)
            if children.config is None and not decided(known):
                model = await read_model(self.client, key.namespace, obj["spec"]["modelRef"]["name"])
        run = observed_run(obj, children, model)
        now = datetime.now(UTC)
        if decided(run.status) and seconds_left(run, now) == 0:
            run = replace(run, unlisted=await awaits_version(self.client, obj))
        decision = decide(run, now)
        wanted = manifests(owner_of(obj), run, decision, children, self.settings.trainer_image)
        refusals = await apply_children(self.client, wanted, children.all, independent=False)
        if decision.ray is not None and decision.ray.action == "Grow" and children.cluster is not None:
            larger = ray_job.grown(children.cluster, run.spec)
            write = self._replace(larger)
            refusals += await attempt(RAYCLUSTERS, larger["metadata"]["name"], write)
        if (doomed := _doomed(decision, children)) is not None:
            refusals += await self._delete_child(*doomed)
        if refusals:
            decision = decide(replace(run, refusals=refusals), now)
        obj = await write_status(self.client, obj, decision.status.wire())
        if decision.drop_figures:
            await drop_status(self.client, obj, {"progress": {to_camel(name): None for name in OF_THE_MOMENT}})
        metrics.count_gpus(key.namespace, run.spec.model_ref.name, run.status.gpu, decision.status.gpu)
        await tell(self.client, logger, obj, decision.notices)
        if refusals:
            raise failure(refusals)
        if decision.delete:
            await self._delete(obj)
        return decision.requeue_after

    def _believe(self, key: Key, known: TrainingRunStatus, *, kuberay: bool) -> None:
        """That KubeRay is gone counts when it is told twice in a row; until then a run that began is not looked at.

        An API server that has just started misses some kinds, and the run would look as if its pods were gone.
        """
        if kuberay:
            self._missed.discard(key)
        elif known.attempts and key not in self._missed:
            self._missed.add(key)
            text = f"the API server knows no {RAYJOBS.kind}s ({RAYJOBS.api_version}), and the run has some: asked again"
            raise ApiError(503, "ServiceUnavailable", text, retry_after=LOOK_AGAIN)

    async def _replace(self, cluster: Manifest) -> None:
        await self.client.replace(RAYCLUSTERS, cluster)

    async def _delete(self, obj: Manifest) -> None:
        """The run; its children go with it."""
        metadata = obj["metadata"]
        await self.client.delete(TRAININGRUNS, metadata["namespace"], metadata["name"], metadata["uid"])
        logger.info(
            "deleted: its spec.ttlSecondsAfterFinished are over",
            extra={"object": f"{metadata['namespace']}/{metadata['name']}", "uid": metadata["uid"]},
        )

    async def _delete_child(self, kind: Resource, child: Manifest) -> tuple[Refusal, ...]:
        """It stays until its pods are gone: the next one's must not meet them."""
        metadata = child["metadata"]
        name = metadata["name"]
        deletion = self.client.delete(kind, metadata["namespace"], name, metadata["uid"], propagation="Foreground")
        return await attempt(kind, name, deletion)


def _workers(obj: Manifest) -> tuple[int, bool]:
    """How many workers a run asks for, and whether fewer will do; one that is not as its CRD says is told of later."""
    ray = obj["spec"].get("ray") or {}
    return int(ray.get("maxWorkers") or ray.get("workers") or 1), "minWorkers" in ray


def _doomed(decision: RunDecision, children: Children) -> tuple[Resource, Manifest] | None:
    """The Job or RayJob to be deleted."""
    if decision.job == "Delete" and children.job is not None:
        return JOBS, children.job
    if decision.ray is not None and decision.ray.action == "Delete":
        live = _rayjob(decision.ray, children)
        return None if live is None else (RAYJOBS, live)
    return None


def manifests(
    owner: Owner, run: ObservedRun, decision: RunDecision, children: Children, image: str
) -> tuple[tuple[Resource, Manifest], ...]:
    """The children to apply, the Job or RayJob last: its pods find everything that they need."""
    changed = _changed_rayjob(owner, decision, children)
    config = _config(owner, run, image) if decision.children else None
    if config is None:
        return changed
    wanted: list[tuple[Resource, Manifest]] = [
        (SERVICEACCOUNTS, service_account(owner, config.model, run.spec.service_account_annotations)),
        (ROLES, role(owner, config.model)),
        (ROLEBINDINGS, role_binding(owner, config.model)),
    ]
    if decision.take_snapshot:
        wanted.append((CONFIGMAPS, config_map(owner, config)))
    if decision.job == "Create":
        wanted.append((JOBS, training_job(owner, run.spec, config)))
    elif decision.job in ("Suspend", "Resume") and children.job is not None:
        wanted.append((JOBS, with_suspend(children.job, owner, decision.job == "Suspend")))
    step = decision.ray
    if step is not None and step.action == "Create":
        made = ray_job.ray_job(owner, run.spec, config, attempt=step.attempt, deadline=step.deadline)
        wanted.append((RAYJOBS, made))
    return (*wanted, *changed)


def _changed_rayjob(owner: Owner, decision: RunDecision, children: Children) -> tuple[tuple[Resource, Manifest], ...]:
    """The RayJob that is there, suspended, resumed or concluded."""
    step = decision.ray
    live = None if step is None else _rayjob(step, children)
    if step is None or live is None:
        return ()
    if step.action in ("Suspend", "Resume"):
        return ((RAYJOBS, ray_job.with_suspend(live, owner, step.action == "Suspend")),)
    if step.action == "Conclude" and step.conclusion is not None:
        over = (live.get("status") or {}).get("jobDeploymentStatus") in OVER
        return ((RAYJOBS, ray_job.concluded(live, owner, written(step.conclusion), over=over)),)
    return ()


def _rayjob(step: RayStep, children: Children) -> Manifest | None:
    """The live RayJob of a step; one that is to be made has none."""
    return next((one for one in children.rayjobs if ray_attempt(one).number == step.attempt), None)


def _config(owner: Owner, run: ObservedRun, image: str) -> RunConfig | None:
    """The snapshot that exists, else the one to be taken now."""
    if run.snapshot is not None:
        return run.snapshot.config
    if not isinstance(run.model, ModelFacts):
        return None
    model = run.model
    return run_config(
        owner, run.spec, model.spec, model.champion, model.versions, image=image, operator_version=__version__
    )
