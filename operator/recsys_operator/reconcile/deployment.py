"""Deployment: observe, decide, apply."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from recsys_operator import metrics
from recsys_operator.api.deployment import Block, DeploymentStatus
from recsys_operator.api.kinds import DEPLOYMENTS, HTTPROUTES, SERVICES, WORKLOADS, Resource
from recsys_operator.apply.changes import Changes, carry_out
from recsys_operator.apply.client import Client
from recsys_operator.build import names
from recsys_operator.build.http_route import Backend, http_route
from recsys_operator.build.server_service import server_service
from recsys_operator.build.server_workload import server_workload
from recsys_operator.decide.deployment.alerts import Alert
from recsys_operator.decide.deployment.decision import decide
from recsys_operator.decide.deployment.facts import Decision
from recsys_operator.observe.deployment import Seen, observe
from recsys_operator.reconcile.loop import Gone, Key
from recsys_operator.reconcile.notices import events, log
from recsys_operator.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Posted:
    """An alert on its way to the Deployment's task; the task writes down what became of it."""

    alert: Alert
    outcome: str = field(default="")


class DeploymentReconciler:
    """Keeps the children of a Deployment as the rollout wants them."""

    resource: Resource = DEPLOYMENTS

    def __init__(
        self, client: Client, settings: Settings, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.client = client
        self.settings = settings
        self.clock = clock

    async def __call__(self, key: Key, inbox: tuple[Any, ...]) -> float | None:
        """Reconcile once. The status, which holds the intent, is written before the children follow it."""
        posted = tuple(item for item in inbox if isinstance(item, Posted))
        seen = await observe(self.client, key.namespace, key.name, key.uid, self.settings.server_image)
        if seen is None:
            raise Gone
        if seen.obj["metadata"].get("deletionTimestamp"):
            return None
        decision = decide(seen.facts, tuple(item.alert for item in posted), self.clock())
        await carry_out(self.client, seen.obj, changes(seen, decision))
        for item, outcome in zip(posted, decision.outcomes, strict=True):
            item.outcome = item.outcome or outcome
        self._tell(key, seen, decision)
        return decision.requeue_after

    def _tell(self, key: Key, seen: Seen, decision: Decision) -> None:
        status = decision.status
        roles = {"stable": status.stable, "canary": status.canary}
        shares = {
            (entry.version, role): decision.weights.get(entry.revision, 0) for role, entry in roles.items() if entry
        }
        metrics.set_weights(key.namespace, key.name, shares)
        for block in _new_blocks(seen.facts.status, status):
            metrics.ROLLBACKS.labels(key.namespace, key.name, block.cause).inc()
        log(logger, seen.obj, decision.notices)


def changes(seen: Seen, decision: Decision) -> Changes:
    """Everything to write for a decision: what must exist, what must go, and what is told about it."""
    return Changes(
        apply=_applies(seen, decision),
        delete=_deletions(seen, decision),
        status=decision.status.wire(),
        events=events(seen.obj, decision.notices),
        status_first=True,
        observed=seen.children,
    )


def _applies(seen: Seen, decision: Decision) -> tuple[tuple[Resource, dict[str, Any]], ...]:
    """Workloads and Services come before a route that names them; else the route, which is urgent, comes first.

    What belongs to somebody else is left alone, and does not keep the rest from being written.
    """
    facts = seen.facts
    pods: list[tuple[Resource, dict[str, Any]]] = []
    for revision in decision.revisions:
        inputs = seen.pod_inputs.get(revision.revision, facts.inputs)
        live = seen.live_workload(names.server(facts.name, revision.version, revision.revision))
        manifest = server_workload(
            seen.owner, inputs.model, revision, inputs.resources, inputs.catalogue, facts.spec.replicas, live
        )
        pods += [(WORKLOADS, manifest), (SERVICES, server_service(seen.owner, inputs.model, revision))]
    route = _route(seen, decision)
    known = {service.revision for service in facts.services}
    wanted = (*route, *pods) if known.issuperset(decision.weights) else (*pods, *route)
    taken = {(stranger.kind, stranger.name) for stranger in facts.strangers}
    return tuple((kind, one) for kind, one in wanted if (kind.kind, one["metadata"]["name"]) not in taken)


def _route(seen: Seen, decision: Decision) -> tuple[tuple[Resource, dict[str, Any]], ...]:
    facts = seen.facts
    by_name = {revision.revision: revision for revision in decision.revisions}
    backends = [Backend(by_name[name], weight) for name, weight in decision.weights.items() if name in by_name]
    there = facts.route.weights if facts.route else {}
    foreign = {stranger.revision for stranger in facts.strangers if stranger.kind == SERVICES.kind}
    if not backends or foreign & decision.weights.keys() - there.keys():
        return ()  # Nothing to serve, or requests would begin to go to somebody else's Service.
    stable = decision.status.stable.revision if decision.status.stable else None
    manifest = http_route(seen.owner, facts.spec.model_ref.name, facts.spec.traffic, backends, stable)
    return ((HTTPROUTES, manifest),)


def _deletions(seen: Seen, decision: Decision) -> tuple[tuple[Resource, str, str, str], ...]:
    facts = seen.facts
    doomed = [(WORKLOADS, facts.namespace, one.name, one.uid) for one in decision.doomed_workloads]
    doomed += [(SERVICES, facts.namespace, one.name, one.uid) for one in decision.doomed_services]
    if facts.route and not decision.weights:
        doomed.append((HTTPROUTES, facts.namespace, names.route(facts.name), facts.route.uid))
    return tuple(doomed)


def _new_blocks(before: DeploymentStatus, after: DeploymentStatus) -> Iterable[Block]:
    """The versions that this decision took back."""
    known = {(block.digest, block.revision, block.time) for block in before.blocked}
    return [
        block
        for block in after.blocked
        if (block.digest, block.revision, block.time) not in known and block.cause != "Recovered"
    ]
