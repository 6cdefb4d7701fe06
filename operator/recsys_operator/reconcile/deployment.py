"""Deployment: observe, decide, apply."""

import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from recsys_operator import metrics
from recsys_operator.api.kinds import (
    AUTOSCALERS,
    BUDGETS,
    CONFIGMAPS,
    DEPLOYMENTS,
    HTTPROUTES,
    SERVICES,
    WORKLOADS,
    Resource,
)
from recsys_operator.api.rollout import Block, DeploymentStatus, Revision
from recsys_operator.apply.changes import Child, apply_children, attempt, failure, write_status
from recsys_operator.apply.client import Client
from recsys_operator.apply.resize import due, resize
from recsys_operator.build import names, shadow_config
from recsys_operator.build.autoscaler import autoscaler
from recsys_operator.build.disruption_budget import disruption_budget
from recsys_operator.build.front_service import front_service
from recsys_operator.build.http_route import Backend, http_route
from recsys_operator.build.server_service import server_service
from recsys_operator.build.server_workload import server_workload
from recsys_operator.decide.analysis.facts import NO_EVIDENCE, Plan
from recsys_operator.decide.deployment.alerts import Alert
from recsys_operator.decide.deployment.decision import applied, decide
from recsys_operator.decide.deployment.facts import Decision
from recsys_operator.decide.deployment.sizes import Size
from recsys_operator.decide.notice import Notice
from recsys_operator.decide.refusal import Refusal
from recsys_operator.notify.notifier import Notifier
from recsys_operator.observe.deployment import Seen, observe
from recsys_operator.observe.measure.looks import Looks
from recsys_operator.reconcile.analysis_jobs import keep_jobs
from recsys_operator.reconcile.loop import Gone, Key
from recsys_operator.reconcile.notices import tell
from recsys_operator.settings import Settings

logger = logging.getLogger(__name__)

WAYS_IN = {one.kind: one for one in (HTTPROUTES, SERVICES)}
ACCESSORIES = {one.kind: one for one in (AUTOSCALERS, BUDGETS)}

Doomed = tuple[Resource, str, str, str]
"""Kind, namespace, name and UID of a child that is to go."""

TRY_AGAIN = 1.0
"""Seconds until refused children are tried again after a reconcile that acted on alerts; then the loop backs off."""

READ_AGAIN = 5.0
"""Seconds until children that could not be read are read again."""


@dataclass(slots=True)
class Posted:
    """An alert on its way to the Deployment's task; the task writes down what became of it."""

    alert: Alert
    outcome: str = field(default="")


class DeploymentReconciler:
    """Keeps the children of a Deployment as the rollout wants them."""

    resource: Resource = DEPLOYMENTS

    def __init__(
        self,
        client: Client,
        settings: Settings,
        notifier: Notifier,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        looks: Looks[Key] | None = None,
    ) -> None:
        """Without `looks` nothing is measured, so a canary with an analysis is held."""
        self.client = client
        self.settings = settings
        self.notifier = notifier
        self.clock = clock
        self.looks = looks

    async def __call__(self, key: Key, inbox: tuple[Any, ...]) -> float | None:
        """Reconcile once. The status, which holds the intent, is written before the children follow it."""
        posted = tuple(item for item in inbox if isinstance(item, Posted))
        evidence = self.looks.evidence(key) if self.looks else NO_EVIDENCE
        seen = await observe(self.client, key.namespace, key.name, key.uid, self.settings.server_image, evidence)
        if seen is None or seen.obj["metadata"].get("deletionTimestamp"):
            self._measure(key, None, None)
            if seen is None:
                raise Gone
            return None
        now = self.clock()
        decision = decide(seen.facts, tuple(item.alert for item in posted), now)
        written = await write_status(self.client, seen.obj, decision.status.wire())
        self._count(key, seen, decision)
        self._notify(seen, decision.status, decision.notices, now)
        self._measure(key, seen, decision.measure)
        gone = deletions(seen, decision)
        refusals = await self._apply(seen, decision, [one for one in gone if one[0] == AUTOSCALERS])
        refusals += await self._keep_jobs(seen, decision)
        end = applied(seen.facts, decision, refusals, now)
        if end.status != decision.status:
            await write_status(self.client, written, end.status.wire())
            metrics.set_rollout(key.namespace, key.name, seen.facts.spec, end.status)
        refusals += await self._delete([one for one in gone if one[0] != AUTOSCALERS])
        self._notify(seen, end.status, end.notices[len(decision.notices) :], now)
        await tell(self.client, logger, seen.obj, end.notices)
        for event in self.notifier.missing(seen.obj, seen.facts.spec):
            await self.client.emit(event)
        for item, outcome in zip(posted, decision.outcomes, strict=True):
            item.outcome = item.outcome or outcome
        if refusals and posted:
            return TRY_AGAIN  # The alerts are acted on, as the status says: nobody need post them again.
        if refusals:
            raise failure(refusals)
        if seen.unread:  # What was to go may be among it, and no event tells of it.
            return READ_AGAIN if decision.requeue_after is None else min(READ_AGAIN, decision.requeue_after)
        return decision.requeue_after

    def _measure(self, key: Key, seen: Seen | None, plan: Plan | None) -> None:
        """Have the next look taken beside the reconciles, which never wait for it; its end wakes the object."""
        if self.looks is None:
            return
        if seen is None or plan is None:
            self.looks.forget(key)
        else:
            self.looks.begin(key, seen.owner, seen.facts.spec.model_ref.name, plan)

    async def _apply(self, seen: Seen, decision: Decision, scalers: Sequence[Doomed]) -> tuple[Refusal, ...]:
        """Write the children; what is refused keeps nothing else from being written, or what is to go from going.

        Autoscalers that are to go do so before the pods are written, which they would go on scaling, and after a route
        that is urgent: nothing stands between a bad version and weight 0.
        """
        refusals: tuple[Refusal, ...] = ()
        for batch in children(seen, decision):
            if any(kind == WORKLOADS for kind, _ in batch):
                refusals += await self._delete(scalers)
                refusals += await self._resize(seen, sizes_before(seen, decision))
                scalers = ()
            if any(kind == HTTPROUTES for kind, _ in batch) and _refused(refusals, SERVICES):
                continue  # Requests would begin to go to a Service that there is not.
            unsized = _refused(refusals, WORKLOADS)  # Without a number they would fall back to one pod.
            wanted = [one for one in batch if not (one[0] == WORKLOADS and one[1]["metadata"]["name"] in unsized)]
            refusals += await apply_children(self.client, wanted, seen.children, independent=True)
        made = [one for one in sizes_after(seen, decision) if one[0] not in _refused(refusals, WORKLOADS)]
        return refusals + await self._delete(scalers) + await self._resize(seen, made)

    async def _delete(self, gone: Iterable[Doomed]) -> tuple[Refusal, ...]:
        """Delete children, each whatever became of the others."""
        refusals: tuple[Refusal, ...] = ()
        for kind, namespace, name, uid in gone:
            refusals += await attempt(kind, name, self.client.delete(kind, namespace, name, uid))
        return refusals

    async def _resize(self, seen: Seen, sizes: Iterable[tuple[str, int]]) -> tuple[Refusal, ...]:
        """Set the number of pods of workloads that others scale, each whatever became of the others."""
        refusals: tuple[Refusal, ...] = ()
        for name, pods in sizes:
            refusals += await attempt(WORKLOADS, name, resize(self.client, seen.facts.namespace, name, pods))
        return refusals

    def _notify(self, seen: Seen, status: DeploymentStatus, notices: Iterable[Notice], now: datetime) -> None:
        """Queue what people are to be told, once the status that it is about is written."""
        self.notifier.tell(seen.obj, seen.facts.spec, status, notices, now)

    async def _keep_jobs(self, seen: Seen, decision: Decision) -> tuple[Refusal, ...]:
        """The Jobs of an analysis come last: a rollback waits for none of them."""
        strategy = seen.facts.spec.strategy
        steps = strategy.canary.steps if strategy else ()
        jobs = any(metric.job for step in steps if step.analysis for metric in step.analysis.metrics)
        leftovers = jobs and seen.facts.status.canary is not None
        model = seen.facts.spec.model_ref.name
        return await keep_jobs(self.client, seen.owner, model, decision.jobs, leftovers=leftovers)

    def _count(self, key: Key, seen: Seen, decision: Decision) -> None:
        """Metrics follow the status that was written, whatever becomes of the children."""
        status = decision.status
        roles = {"stable": status.stable, "canary": status.canary}
        shares = {
            (entry.version, role): decision.weights.get(entry.revision, 0) for role, entry in roles.items() if entry
        }
        metrics.set_weights(key.namespace, key.name, shares)
        metrics.set_rollout(key.namespace, key.name, seen.facts.spec, status)
        before = set(seen.facts.status.history)
        metrics.count_finished(key.namespace, key.name, [one for one in status.history if one not in before])
        for block in _new_blocks(seen.facts.status, status):
            metrics.ROLLBACKS.labels(key.namespace, key.name, block.cause).inc()


def children(seen: Seen, decision: Decision) -> tuple[tuple[Child, ...], ...]:
    """What must exist, in the order of writing: the pods' side and the route.

    Workloads and Services come before a route that names them; else the route, which is urgent, comes first.

    What belongs to somebody else is left alone, and does not keep the rest from being written.
    """
    facts = seen.facts
    pods: list[Child] = [*_shadow(seen, decision)]  # A pod that starts before there is one hears of it a minute late.
    for revision in decision.revisions:
        inputs = seen.pod_inputs.get(revision.revision, facts.inputs)
        size = decision.sizes[revision.revision]
        live = seen.live_workload(names.server(facts.name, revision.version, revision.revision))
        manifest = server_workload(
            seen.owner,
            inputs.model,
            revision,
            inputs.resources,
            inputs.catalogue,
            size.replicas,
            live,
            inputs.pod,
        )
        pods += [
            (WORKLOADS, manifest),
            (SERVICES, server_service(seen.owner, inputs.model, revision)),
            (BUDGETS, disruption_budget(seen.owner, inputs.model, revision)),
        ]
        if facts.spec.autoscaling and size.most:
            scaling = autoscaler(seen.owner, inputs.model, revision, facts.spec.autoscaling, size.least, size.most)
            pods.append((AUTOSCALERS, scaling))
    route = _route(seen, decision)
    known = {service.revision for service in facts.services}
    asked = decision.weights.keys() | ({decision.testers} if decision.testers else set())
    batches = (route, pods) if known.issuperset(asked) else (pods, route)
    taken = {(stranger.kind, stranger.name) for stranger in facts.strangers}
    return tuple(
        tuple((kind, one) for kind, one in batch if (kind.kind, one["metadata"]["name"]) not in taken)
        for batch in batches
    )


def sizes_before(seen: Seen, decision: Decision) -> list[tuple[str, int]]:
    """Workloads that are to be scaled by others, and the pods that each must have before it is applied without."""
    return [
        (name, pods)
        for name, live, size in _scaled_by_others(seen, decision)
        if live and (pods := due(live, size.least)) is not None
    ]


def sizes_after(seen: Seen, decision: Decision) -> list[tuple[str, int]]:
    """Workloads that were made just now with the default of one pod, and the pods that each must have."""
    return [(name, size.least) for name, live, size in _scaled_by_others(seen, decision) if not live and size.least > 1]


def _scaled_by_others(seen: Seen, decision: Decision) -> Iterator[tuple[str, dict[str, Any] | None, Size]]:
    taken = {stranger.name for stranger in seen.facts.strangers if stranger.kind == WORKLOADS.kind}
    for revision in decision.revisions:
        name = names.server(seen.facts.name, revision.version, revision.revision)
        size = decision.sizes[revision.revision]
        if size.replicas is None and name not in taken:
            yield name, seen.live_workload(name), size


def _shadow(seen: Seen, decision: Decision) -> tuple[Child, ...]:
    """The ConfigMap that tells servers to copy requests; once there, it stays and says that there is no shadow."""
    copying, model = decision.copying, seen.facts.spec.model_ref.name
    live = next((one for one in seen.children if one["kind"] == CONFIGMAPS.kind), None)
    if seen.shadow_unread:
        return ()  # A new token in place of the one that cannot be read would end a shadow that goes on.
    if copying:
        known = shadow_config.token(live, copying.stable, copying.canary) if live else None
        token = known or secrets.token_urlsafe(32)
        text = shadow_config.content(seen.owner, copying.stable, copying.canary, copying.percent, token)
    elif live:
        text = shadow_config.NOTHING
    else:
        return ()
    return ((CONFIGMAPS, shadow_config.config_map(seen.owner, model, text)),)


def _route(seen: Seen, decision: Decision) -> tuple[Child, ...]:
    facts = seen.facts
    by_name = {revision.revision: revision for revision in decision.revisions}
    backends = [Backend(by_name[name], weight) for name, weight in decision.weights.items() if name in by_name]
    asked = decision.weights.keys() | {decision.testers}
    there = facts.route.weights.keys() | facts.route.beside if facts.route else frozenset()
    foreign = {stranger.revision for stranger in facts.strangers if stranger.kind == SERVICES.kind}
    if not facts.by_weight:
        return _front(seen, decision, by_name)
    if not facts.gateway_api or not backends or foreign & asked - there:
        return ()  # There are no routes, or nothing to serve, or requests would begin to go to somebody else's Service.
    stable = decision.status.stable.revision if decision.status.stable else None
    testers = by_name.get(decision.testers)
    manifest = http_route(seen.owner, facts.spec.model_ref.name, facts.spec.traffic, backends, stable, testers)
    return ((HTTPROUTES, manifest),)


def _front(seen: Seen, decision: Decision, by_name: Mapping[str, Revision]) -> tuple[Child, ...]:
    """The Service of a Deployment without a gateway, over the pods of the one revision that gets requests."""
    serving = next((by_name[name] for name in decision.weights if name in by_name), None)
    if serving is None:
        return ()
    stable = decision.status.stable.revision if decision.status.stable else None
    return ((SERVICES, front_service(seen.owner, seen.facts.spec.model_ref.name, serving, stable)),)


def _refused(refusals: Iterable[Refusal], kind: Resource) -> set[str]:
    """Names of the children of a kind that were refused."""
    return {refusal.name for refusal in refusals if refusal.kind == kind.kind}


def deletions(seen: Seen, decision: Decision) -> tuple[Doomed, ...]:
    """What must go, with its UID."""
    facts = seen.facts
    doomed = [(WORKLOADS, facts.namespace, one.name, one.uid) for one in decision.doomed_workloads]
    doomed += [(SERVICES, facts.namespace, one.name, one.uid) for one in decision.doomed_services]
    doomed += [(ACCESSORIES[one.kind], facts.namespace, one.name, one.uid) for one in decision.doomed_accessories]
    if facts.route and not decision.weights:
        kind, name = (HTTPROUTES, names.route) if facts.by_weight else (SERVICES, names.front)
        doomed.append((kind, facts.namespace, name(facts.name), facts.route.uid))
    if left := decision.doomed_leftover:
        doomed.append((WAYS_IN[left.kind], facts.namespace, left.name, left.uid))
    return tuple(doomed)


def _new_blocks(before: DeploymentStatus, after: DeploymentStatus) -> Iterable[Block]:
    """The versions that this decision took back."""
    known = {(block.digest, block.revision, block.time) for block in before.blocked}
    return [
        block
        for block in after.blocked
        if (block.digest, block.revision, block.time) not in known and block.cause != "Recovered"
    ]
