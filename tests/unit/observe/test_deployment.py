"""What is read about a Deployment, and what it can do without."""

from datetime import UTC, datetime

import pytest
from tests.unit.decide.deployment_world import World
from tests.unit.decide.run_facts import model_spec, result
from tests.unit.observe.cluster import (
    CATALOGUE,
    OWNER,
    RESOURCES,
    SERVES,
    VERSION,
    Cluster,
    deployment,
    model,
    seen,
    workload,
)

from recsys_operator.api.deployment import DeploymentSpec
from recsys_operator.api.kinds import (
    BUDGETS,
    DEPLOYMENTS,
    GATEWAYS,
    HTTPROUTES,
    PODS,
    RECMODELS,
    SERVICES,
    TRAININGRUNS,
    WORKLOADS,
    Resource,
)
from recsys_operator.api.podfields import PodFields
from recsys_operator.apply.client import ApiError
from recsys_operator.build.disruption_budget import disruption_budget
from recsys_operator.build.http_route import Backend, http_route
from recsys_operator.build.server_service import server_service
from recsys_operator.build.server_workload import server_workload
from recsys_operator.decide.deployment.decision import decide
from recsys_operator.decide.deployment.facts import Stranger
from recsys_operator.reconcile.deployment import children, deletions

NOW = datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC)


@pytest.mark.parametrize("status", [403, 500, 0])
async def test_what_is_only_told_stands_in_no_rollbacks_way(status: int) -> None:
    """Neither pods nor the gateway nor the failed run of a pinned version can be read; a canary is rolled back."""
    error = ApiError(status, "Whatever", "no")
    obj = deployment()
    obj["spec"]["version"] = {"pin": 2}
    tried = SERVES.model_copy(update={"version": 2, "digest": "sha256:" + "2" * 64, "revision": "2" * 16})
    times = dict.fromkeys(("startTime", "stepStartTime", "firstWeightTime"), "2026-01-02T03:04:05.000000Z")
    obj["status"]["canary"] = {**tried.wire(), "weight": 10, "step": 0, **times}
    spec = DeploymentSpec.model_validate(obj["spec"])
    route = http_route(OWNER, "movies", spec.traffic, [Backend(SERVES, 90), Backend(tried, 10)], SERVES.revision)
    route["metadata"] |= {"uid": "r", "generation": 1, "creationTimestamp": "2026-01-02T03:04:05Z"}
    failed = {**VERSION, "version": 2, "digest": tried.digest, "verdict": "Failed"}
    cluster = Cluster(
        (DEPLOYMENTS, obj),
        (WORKLOADS, workload()),
        (HTTPROUTES, route),
        (RECMODELS, model({}, {"versions": [VERSION, failed]})),
        fails={PODS: error, GATEWAYS: error, TRAININGRUNS: error, BUDGETS: error},
    )
    facts = (await seen(cluster)).facts
    assert facts.route
    assert (facts.route.accepted, facts.route.problem) == (False, "")
    decision = decide(facts, [World(now=NOW).alert(2)], NOW)
    assert decision.outcomes == ("RolledBack",)
    assert decision.weights == {SERVES.revision: 100}


@pytest.mark.parametrize("kind", [WORKLOADS, SERVICES, BUDGETS, HTTPROUTES])
async def test_a_child_of_somebody_else_is_told_and_left_alone(kind: Resource) -> None:
    """Whether it has our labels or not, and all else is made."""
    name = "movies" if kind == HTTPROUTES else f"movies-v1-{SERVES.revision[:8]}"
    stranger = {"kind": kind.kind, "metadata": {"name": name, "namespace": "shop", "uid": "s", "generation": 1}}
    found = await seen(Cluster((DEPLOYMENTS, deployment()), (RECMODELS, model({}, {})), (kind, stranger)))
    revision = SERVES.revision if kind in (WORKLOADS, SERVICES) else ""
    assert found.facts.strangers == (Stranger(kind.kind, name, revision),)
    decision = decide(found.facts, (), NOW)
    assert decision.status.conditions[0].reason == "ChildNameTaken"
    assert f"{kind.kind} {name} belongs to somebody else" in decision.status.conditions[0].message
    written = {one for batch in children(found, decision) for one, _ in batch}
    no_route = {HTTPROUTES} if kind == SERVICES else set()
    assert written == {WORKLOADS, SERVICES, BUDGETS, HTTPROUTES} - {kind} - no_route, (
        "requests must not go to somebody else"
    )


@pytest.mark.parametrize(("digest", "quoted"), [("sha256:" + "2" * 64, 4), ("sha256:" + "3" * 64, 0)])
async def test_failed_gates_are_quoted_from_the_run_that_made_the_version(digest: str, quoted: int) -> None:
    """Not from another one, which bears the name of a run that was deleted."""
    obj = deployment()
    obj["spec"]["version"] = {"pin": 2}
    failed = {**VERSION, "version": 2, "digest": "sha256:" + "2" * 64, "verdict": "Failed"}
    run = {"metadata": {"name": failed["run"], "namespace": "shop"}, "status": {"result": result(digest=digest).wire()}}
    found = await seen(
        Cluster((DEPLOYMENTS, obj), (RECMODELS, model({}, {"versions": [VERSION, failed]})), (TRAININGRUNS, run))
    )
    assert len(found.facts.failed_gates) == quoted


async def test_children_of_ours_are_no_strangers() -> None:
    found = await seen(Cluster((DEPLOYMENTS, deployment()), (RECMODELS, model({}, {})), (WORKLOADS, workload())))
    assert found.facts.strangers == ()


async def test_the_time_of_a_gateways_answer_is_that_of_the_api_server() -> None:
    """Not the gateway's own, whose clock may be another; whole seconds are rounded up."""
    spec = DeploymentSpec.model_validate(deployment()["spec"])
    route = http_route(OWNER, "movies", spec.traffic, [Backend(SERVES, 100)], SERVES.revision)
    route["metadata"] |= {
        "uid": "r",
        "generation": 1,
        "creationTimestamp": "2026-01-02T03:04:05Z",
        "managedFields": [
            {"manager": "recsys-operator", "time": "2026-01-02T03:04:05Z"},
            {"manager": "traefik", "subresource": "status", "time": "2026-01-02T03:04:15Z"},
        ],
    }
    facts = (await seen(Cluster((DEPLOYMENTS, deployment()), (HTTPROUTES, route)))).facts
    assert facts.route
    assert facts.route.changed == datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC)
    assert facts.route.answered == datetime(2026, 1, 2, 3, 4, 16, tzinfo=UTC)


async def test_without_the_gateway_api_everything_but_the_route_is_made() -> None:
    spec = model_spec(catalogue=CATALOGUE.wire()).wire()
    good = model(spec, {"versions": [VERSION]})
    cluster = Cluster((DEPLOYMENTS, deployment()), (RECMODELS, good), unknown=(HTTPROUTES,))
    found = await seen(cluster)
    decision = decide(found.facts, (), NOW)
    assert decision.status.conditions[0].reason == "GatewayApiNotInstalled"
    assert {one for batch in children(found, decision) for one, _ in batch} == {WORKLOADS, SERVICES, BUDGETS}


@pytest.mark.parametrize("status", [403, 500, 0])
async def test_a_gateway_api_that_cannot_be_asked_for_counts_as_there(status: int) -> None:
    error = ApiError(status, "Whatever", "no")

    class Silent(Cluster):
        async def serves(self, resource: Resource) -> bool:
            raise error

    found = await seen(Silent((DEPLOYMENTS, deployment()), (RECMODELS, model({}, {}))))
    assert found.facts.gateway_api


async def test_weights_are_read_from_the_last_rule_and_testers_from_the_others() -> None:
    obj = deployment()
    obj["spec"]["traffic"]["testers"] = {"header": {"name": "X-Tester", "value": "yes"}}
    spec = DeploymentSpec.model_validate(obj["spec"])
    tried = SERVES.model_copy(update={"version": 2, "digest": "sha256:" + "2" * 64, "revision": "2" * 16})
    services = []
    for one in (SERVES, tried):
        service = server_service(OWNER, "movies", one)
        service["metadata"] |= {"uid": one.revision}
        services.append((SERVICES, service))
    route = http_route(OWNER, "movies", spec.traffic, [Backend(SERVES, 100)], SERVES.revision, tried)
    route["metadata"] |= {"uid": "r", "generation": 1, "creationTimestamp": "2026-01-02T03:04:05Z"}
    facts = (await seen(Cluster((DEPLOYMENTS, obj), (HTTPROUTES, route), *services))).facts
    assert facts.route
    assert facts.route.weights == {SERVES.revision: 100}
    assert facts.route.beside == {tried.revision}
    assert facts.silent_from(tried.revision) is None, "testers still reach it"


async def test_a_budget_goes_with_its_revision() -> None:
    """And not before: the old version's pods are there until the gateway sends them nothing."""
    old = SERVES.model_copy(update={"version": 3, "digest": "sha256:" + "3" * 64, "revision": "3" * 16})
    budgets = [disruption_budget(OWNER, "movies", one) for one in (SERVES, old)]
    for one in budgets:
        one["metadata"]["uid"] = one["metadata"]["name"]
    found = await seen(
        Cluster((DEPLOYMENTS, deployment()), (WORKLOADS, workload()), *((BUDGETS, one) for one in budgets))
    )
    decision = decide(found.facts, (), NOW)
    assert [one.name for one in decision.doomed_accessories] == ["movies-v3-33333333"]
    assert (BUDGETS, "shop", "movies-v3-33333333", "movies-v3-33333333") in deletions(found, decision)


async def test_what_a_workloads_pods_were_made_from_is_read_back() -> None:
    """So that an edit in mid-rollout does not restart the pods of another revision."""
    fields = PodFields.model_validate({"nodeSelector": {"disk": "ssd"}, "env": [{"name": "A", "value": "b"}]})
    manifest = server_workload(OWNER, "movies", SERVES, RESOURCES, CATALOGUE, 2, pod_fields=fields)
    manifest["metadata"] |= {"uid": "w", "generation": 1}
    found = await seen(Cluster((DEPLOYMENTS, deployment()), (WORKLOADS, manifest)))
    assert found.pod_inputs[SERVES.revision].pod == fields
    assert found.facts.inputs.pod is None
