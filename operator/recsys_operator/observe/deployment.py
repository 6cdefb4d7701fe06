"""What the API server says about a Deployment, its children, its model and its gateway."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product
from typing import Any

from pydantic import ValidationError

from recsys_operator.api.by_task import ROWS
from recsys_operator.api.common import GateVerdict, Resources
from recsys_operator.api.deployment import DEPLOYMENT, DeploymentSpec
from recsys_operator.api.kinds import (
    AUTOSCALERS,
    BUDGETS,
    CONFIGMAPS,
    DEPLOYMENTS,
    HTTPROUTES,
    PODS,
    RECMODELS,
    SERVICES,
    TRAININGRUNS,
    WORKLOADS,
    Resource,
)
from recsys_operator.api.podfields import PodFields
from recsys_operator.api.recmodel import Catalogue, RecModelSpec, RecModelStatus
from recsys_operator.api.rollout import COMMANDS, CommandName, DeploymentStatus, Revision
from recsys_operator.api.trainingrun import TrainingRunStatus
from recsys_operator.build import http_route, labels, names, server_workload, shadow_config
from recsys_operator.build.labels import Owner
from recsys_operator.decide.analysis.facts import NO_EVIDENCE, Evidence
from recsys_operator.decide.deployment import capacity
from recsys_operator.decide.deployment.facts import (
    Accessory,
    Leftover,
    ModelFacts,
    Observed,
    PodInputs,
    Route,
    Service,
    Stranger,
    Workload,
)
from recsys_operator.decide.times import instant
from recsys_operator.observe.capacity import rooms
from recsys_operator.observe.endpoints import endpoints as observe_endpoints
from recsys_operator.observe.front import front as observe_front
from recsys_operator.observe.front import revision_of
from recsys_operator.observe.pods import broken, complaint
from recsys_operator.observe.reader import Reader, faults, if_possible
from recsys_operator.observe.rival import observe_rival
from recsys_operator.observe.route import refusal

Object = dict[str, Any]

COMMAND = "recsys.dev/"
WHOLE_SECOND = timedelta(seconds=1)
"""The API server drops fractions from the time of a change."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The facts, and the objects that they were read from."""

    facts: Observed
    obj: Object
    owner: Owner
    children: tuple[Object, ...]
    pod_inputs: dict[str, PodInputs]
    """What the pods of each revision that has a workload were made from."""
    unread: bool = False
    """Some children could not be read just now, so they may be missing here though they are there."""
    shadow_unread: bool = False
    """The ConfigMap about a shadow is among them."""

    def live_workload(self, name: str) -> Object | None:
        """The workload of this name as it was read."""
        return next(
            (one for one in self.children if one["kind"] == WORKLOADS.kind and one["metadata"]["name"] == name), None
        )


async def observe(
    client: Reader, namespace: str, name: str, uid: str, server_image: str, evidence: Evidence = NO_EVIDENCE
) -> Seen | None:
    """Read everything once; None when there is no such Deployment any more. `evidence` was measured before."""
    of_it = {labels.DEPLOYMENT: name}
    not_read: list[Exception] = []
    shadow_not_read: list[Exception] = []
    obj, workloads, services, budgets, autoscalers, route = await asyncio.gather(
        client.get(DEPLOYMENTS, namespace, name),
        client.list(WORKLOADS, namespace, of_it),
        client.list(SERVICES, namespace, of_it),
        if_possible(client.list(BUDGETS, namespace, of_it), [], not_read.append),
        if_possible(client.list(AUTOSCALERS, namespace, of_it), [], not_read.append),
        client.get(HTTPROUTES, namespace, names.route(name)),
    )
    if obj is None or obj["metadata"]["uid"] != uid:
        return None
    owner = Owner(DEPLOYMENT, namespace, name, uid)
    spec = DeploymentSpec.model_validate(obj["spec"])
    status = DeploymentStatus.model_validate(obj.get("status") or {})
    workloads = [one for one in workloads if owner.owns(one) and not one["metadata"].get("deletionTimestamp")]
    services = [one for one in services if owner.owns(one)]
    accessories = [one for one in (*budgets, *autoscalers) if owner.owns(one)]
    gateway_api = route is not None or await if_possible(client.serves(HTTPROUTES), True)
    front = next((one for one in services if one["metadata"]["name"] == names.front(name)), None)
    foreign, route = _taken_by_others(owner, HTTPROUTES, route), route if route and owner.owns(route) else None
    model, shadow, pods, way_in, (endpoints, rival), strangers = await asyncio.gather(
        client.get(RECMODELS, namespace, spec.model_ref.name),
        if_possible(client.get(CONFIGMAPS, namespace, names.shadow(name)), None, shadow_not_read.append),
        _pods(client, namespace, name, workloads),
        _way_in(client, spec, route, front, workloads, services),
        asyncio.gather(
            _endpoints(client, namespace, name, spec),
            observe_rival(client, namespace, names.route(name), spec.traffic, route),
        ),
        _strangers(client, owner, spec, status, (*workloads, *services, *accessories)),
    )
    route_facts, leftover = way_in
    others, shadow = _taken_by_others(owner, CONFIGMAPS, shadow), shadow if shadow and owner.owns(shadow) else None
    pod_inputs = {_label(one, labels.REVISION): _inputs(one, spec) for one in workloads if _is_ours(one)}
    model_facts = _model(model, _running_catalogue(status, pod_inputs)) if model else None
    facts = Observed(
        namespace=namespace,
        name=name,
        generation=obj["metadata"]["generation"],
        spec=spec,
        status=status,
        commands=_commands(obj),
        model=model_facts,
        workloads=tuple(_workload(one, pods) for one in workloads if _is_ours(one)),
        services=tuple(_service(one) for one in services if labels.REVISION in one["metadata"]["labels"]),
        route=route_facts,
        server_image=server_image,
        failed_gates=await _failed_gates(client, namespace, spec, model_facts),
        strangers=(
            *(foreign if spec.traffic.gateway else ()),
            *(others if _has_shadows(spec) else ()),
            *strangers,
        ),
        gateway_api=gateway_api or spec.traffic.gateway is None,
        leftover=leftover,
        unknown_commands=_unknown_commands(obj),
        rival=rival,
        accessories=tuple(_accessory(one) for one in accessories),
        endpoints=endpoints,
        evidence=evidence,
    )
    if capacity.matters(facts):
        facts = replace(facts, rooms=await rooms(client, spec))
    return Seen(
        facts=facts,
        obj=obj,
        owner=owner,
        children=(*workloads, *services, *accessories, *(one for one in (route, shadow) if one)),
        pod_inputs=pod_inputs,
        unread=bool(not_read or shadow_not_read),
        shadow_unread=bool(shadow_not_read),
    )


def _commands(obj: Object) -> dict[CommandName, str]:
    annotations = obj["metadata"].get("annotations", {})
    return {name: annotations[COMMAND + name] for name in COMMANDS if COMMAND + name in annotations}


def _unknown_commands(obj: Object) -> tuple[str, ...]:
    ours = {name for name in obj["metadata"].get("annotations", {}) if name.startswith(COMMAND)}
    return tuple(sorted(ours - {COMMAND + name for name in COMMANDS}))


def _taken_by_others(owner: Owner, kind: Resource, obj: Object | None) -> tuple[Stranger, ...]:
    return (Stranger(kind.kind, obj["metadata"]["name"]),) if obj and not owner.owns(obj) else ()


async def _way_in(
    client: Reader,
    spec: DeploymentSpec,
    route: Object | None,
    front: Object | None,
    workloads: list[Object],
    services: list[Object],
) -> tuple[Route | None, Leftover | None]:
    """How requests come in, and what an edit of spec.traffic left of how they did."""
    children = (*workloads, *services)
    if spec.traffic.gateway is None:
        found = await observe_front(client, front, workloads) if front else None
        return found, _leftover(HTTPROUTES, route, _sent_to(route, children)) if route else None
    leftover = _leftover(SERVICES, front, {revision_of(front)}) if front else None
    if route is None:
        return None, leftover
    accepted, reason, message = await refusal(client, route, spec.traffic.gateway)
    return _route(route, children, accepted, reason, message), leftover


async def _endpoints(client: Reader, namespace: str, name: str, spec: DeploymentSpec) -> dict[str, int] | None:
    return await observe_endpoints(client, namespace, name) if spec.traffic.gateway else None


def _leftover(kind: Resource, obj: Object, sends: Iterable[str]) -> Leftover:
    return Leftover(kind.kind, obj["metadata"]["name"], obj["metadata"]["uid"], frozenset(sends))


async def _strangers(
    client: Reader, owner: Owner, spec: DeploymentSpec, status: DeploymentStatus, ours: tuple[Object, ...]
) -> list[Stranger]:
    """Who bears the name of a child of a revision; asked only where there is none of ours."""
    known = {(one["kind"], one["metadata"]["name"]) for one in ours}
    canary = status.canary if status.canary and not status.canary.abort else None
    missing = [
        (kind, name, entry.revision)
        for entry in (status.stable, canary, status.previous)
        if entry
        for kind, name in product(
            (WORKLOADS, SERVICES, BUDGETS, *((AUTOSCALERS,) if spec.autoscaling else ())),
            (names.server(owner.name, entry.version, entry.revision),),
        )
        if (kind.kind, name) not in known
    ]
    if spec.traffic.gateway is None and (SERVICES.kind, names.front(owner.name)) not in known:
        missing.append((SERVICES, names.front(owner.name), ""))
    found = await asyncio.gather(
        *(if_possible(client.get(kind, owner.namespace, name), None) for kind, name, _ in missing)
    )
    return [
        Stranger(kind.kind, name, revision if kind in (WORKLOADS, SERVICES) else "")
        for one, (kind, name, revision) in zip(found, missing, strict=True)
        if one and not owner.owns(one)
    ]


async def _pods(client: Reader, namespace: str, name: str, workloads: list[Object]) -> dict[str, list[Object]]:
    """The pods by revision, read only when some are missing, and only for what they complain of."""
    if all(one.get("status", {}).get("availableReplicas", 0) >= one["spec"].get("replicas", 1) for one in workloads):
        return {}
    found: dict[str, list[Object]] = {}
    for pod in await if_possible(client.list(PODS, namespace, {labels.DEPLOYMENT: name}), []):
        found.setdefault(pod["metadata"]["labels"].get(labels.REVISION, ""), []).append(pod)
    return found


async def _failed_gates(
    client: Reader, namespace: str, spec: DeploymentSpec, model: ModelFacts | None
) -> tuple[GateVerdict, ...]:
    """What the gates said of a version that is pinned although it failed them."""
    versions = model.versions if model else ()
    failed = next((one for one in versions if one.version == spec.version.pin and one.verdict == "Failed"), None)
    run = await if_possible(client.get(TRAININGRUNS, namespace, failed.run), None) if failed else None
    if run is None:
        return ()
    try:
        result = TrainingRunStatus.model_validate(run.get("status") or {}).result
    except ValidationError:
        return ()
    # Another run may bear the name by now.
    return result.gates if result and failed and result.digest == failed.digest else ()


def _model(obj: Object, running: Catalogue | None) -> ModelFacts:
    """The RecModel. What cannot be read of it must not stand in a rollback's way: the catalogue is then the one that
    serves, so that no revision changes, and versions count as unknown.
    """
    status, catalogue, rows_task, found = RecModelStatus(), running, "", []
    try:
        spec = RecModelSpec.model_validate(obj.get("spec"))
        catalogue, rows_task = spec.catalogue, spec.task if spec.task in ROWS else ""
    except ValidationError as error:
        found.append(faults("spec", error))
    try:
        status = RecModelStatus.model_validate(obj.get("status") or {})
    except ValidationError as error:
        found.append(faults("status", error))
    return ModelFacts(status.versions, status.champion, catalogue, "; ".join(found), rows_task)


def _running_catalogue(status: DeploymentStatus, pod_inputs: Mapping[str, PodInputs]) -> Catalogue | None:
    """The catalogue of the pods that serve, by their own word."""
    entries = (status.stable, status.canary, status.previous)
    serving = [pod_inputs[entry.revision] for entry in entries if entry and entry.revision in pod_inputs]
    return next((inputs.catalogue for inputs in (*serving, *pod_inputs.values())), None)


def _is_ours(workload: Object) -> bool:
    """Whether a workload says of itself which revision it is."""
    annotations = workload["metadata"].get("annotations", {})
    marks = workload["metadata"]["labels"]
    return server_workload.DIGEST in annotations and labels.REVISION in marks and labels.VERSION in marks


def _workload(obj: Object, pods: dict[str, list[Object]]) -> Workload:
    metadata, status = obj["metadata"], obj.get("status", {})
    annotations = metadata["annotations"]
    revision = Revision(
        version=int(_label(obj, labels.VERSION)),
        digest=annotations[server_workload.DIGEST],
        uri=annotations.get(server_workload.URI, ""),
        revision=_label(obj, labels.REVISION),
        image=annotations.get(server_workload.IMAGE, ""),
    )
    return Workload(
        name=metadata["name"],
        uid=metadata["uid"],
        revision=revision,
        replicas=obj["spec"].get("replicas", 1),
        generation=metadata["generation"],
        observed_generation=status.get("observedGeneration", 0),
        pods=status.get("replicas", 0),
        updated=status.get("updatedReplicas", 0),
        ready=status.get("readyReplicas", 0),
        available=status.get("availableReplicas", 0),
        trouble=complaint(pods.get(revision.revision, ())),
        broken=broken(pods.get(revision.revision, ())),
        told_of_shadows=shadow_config.mounted(obj),
    )


def _has_shadows(spec: DeploymentSpec) -> bool:
    return spec.strategy is not None and any(step.shadow for step in spec.strategy.canary.steps)


def _service(obj: Object) -> Service:
    return Service(obj["metadata"]["name"], obj["metadata"]["uid"], _label(obj, labels.REVISION))


def _accessory(obj: Object) -> Accessory:
    metadata = obj["metadata"]
    revision = metadata["labels"].get(labels.REVISION, "")
    kind = obj["kind"]
    return Accessory(kind, metadata["name"], metadata["uid"], revision, kind == AUTOSCALERS.kind)


def _shares(obj: Object, children: Iterable[Object]) -> list[dict[str, int]]:
    """What each rule of a route sends to which revision, without zeros."""
    revisions = {
        child["metadata"]["name"]: child["metadata"]["labels"].get(labels.REVISION, child["metadata"]["name"])
        for child in children
    }
    return [
        {
            revisions.get(backend["name"], backend["name"]): backend.get("weight", 1)
            for backend in rule.get("backendRefs", ())
            if backend.get("weight", 1) > 0
        }
        for rule in obj["spec"].get("rules", ())
    ]


def _sent_to(route: Object, children: Iterable[Object]) -> set[str]:
    return {name for one in _shares(route, children) for name in one}


def _route(obj: Object, children: tuple[Object, ...], accepted: bool, reason: str, message: str) -> Route:
    shares = _shares(obj, children)
    weights = shares[-1] if shares else {}
    times = [
        entry["time"]
        for entry in obj["metadata"].get("managedFields", ())
        if entry.get("manager") == labels.OPERATOR and "time" in entry
    ]
    changed = max(map(instant, times), default=instant(obj["metadata"]["creationTimestamp"]))
    answers = [
        instant(entry["time"])
        for entry in obj["metadata"].get("managedFields", ())
        if entry.get("subresource") == "status" and "time" in entry
    ]
    return Route(
        uid=obj["metadata"]["uid"],
        weights=weights,
        accepted=accepted,
        changed=changed + WHOLE_SECOND,
        answered=max(answers) + WHOLE_SECOND if answers else None,
        stable=obj["metadata"].get("annotations", {}).get(http_route.STABLE, ""),
        problem=reason,
        message=message,
        beside=frozenset(name for others in shares[:-1] for name in others),
    )


def _inputs(workload: Object, spec: DeploymentSpec) -> PodInputs:
    """What a workload's pod template was made from, by its own annotation."""
    try:
        said = json.loads(workload["metadata"].get("annotations", {}).get(server_workload.POD_INPUTS, ""))
        catalogue = Catalogue.model_validate(said["catalogue"]) if said["catalogue"] else None
        fields = PodFields.model_validate(said["pod"]) if "pod" in said else None
        return PodInputs(spec.model_ref.name, Resources.model_validate(said["resources"]), catalogue, fields)
    except (ValueError, KeyError, TypeError):
        return PodInputs(spec.model_ref.name, spec.resources, None, PodFields.of(spec))


def _label(obj: Object, name: str) -> str:
    value: str = obj["metadata"]["labels"][name]
    return value
