"""One reconcile of a Deployment against an API server that refuses some of its writes."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import pytest
from tests.unit.decide.deployment_world import IMAGE, START, World
from tests.unit.observe.cluster import OWNER, SERVES, VERSION, Cluster, Object, deployment, model, workload

from recsys_operator import metrics
from recsys_operator.api.deployment import DeploymentSpec
from recsys_operator.api.kinds import (
    AUTOSCALERS,
    BUDGETS,
    DEPLOYMENTS,
    HTTPROUTES,
    RECMODELS,
    SERVICES,
    WORKLOADS,
    Resource,
)
from recsys_operator.api.rollout import Revision
from recsys_operator.api.scaling import Autoscaling
from recsys_operator.apply.client import FIELD_MANAGER, ApiError
from recsys_operator.apply.event import Event
from recsys_operator.build.autoscaler import autoscaler
from recsys_operator.build.disruption_budget import disruption_budget
from recsys_operator.build.http_route import Backend, http_route
from recsys_operator.build.server_service import server_service
from recsys_operator.build.server_workload import server_workload
from recsys_operator.decide.notice import Notice
from recsys_operator.decide.times import rfc3339
from recsys_operator.notify.notifier import Notifier
from recsys_operator.notify.targets import Targets
from recsys_operator.reconcile.deployment import READ_AGAIN, TRY_AGAIN, DeploymentReconciler, Posted
from recsys_operator.reconcile.loop import Key
from recsys_operator.settings import Settings

TRIED = SERVES.model_copy(update={"version": 2, "digest": "sha256:" + "2" * 64, "revision": "2" * 16})
KEY = Key("deployments", "shop", "movies", OWNER.uid)


class Server(Cluster):
    """Takes writes down; `refuses` answers a write of a kind (or of the status) with an error."""

    def __init__(self, *objects: tuple[Resource, Object], refuses: dict[str, ApiError]) -> None:
        super().__init__(*objects)
        self.refuses = refuses
        self.written: list[str] = []
        self.applied: list[Object] = []
        self.status: Object = {}

    def _write(self, what: str) -> None:
        if what in self.refuses:
            raise self.refuses[what]
        self.written.append(what)

    async def apply(self, resource: Resource, manifest: Object, manager: str = FIELD_MANAGER) -> Object:
        if manager == FIELD_MANAGER:
            self._write(resource.kind)
            self.applied.append(manifest)
        else:
            self._write(f"{manifest['metadata']['name']} to {manifest['spec']['replicas']} pods")
        return manifest

    async def apply_status(self, resource: Resource, live: Object, status: Object) -> Object:
        self._write("status")
        self.status = status
        return {**live, "status": status}

    async def delete(self, resource: Resource, namespace: str, name: str, uid: str | None = None) -> None:
        self._write(f"delete {name}")

    async def emit(self, event: Event) -> None:
        self._write(f"event {event.reason}")


@dataclass
class Refusing:
    """`list` of a server that refuses one kind."""

    server: Server
    refuses: Resource
    error: ApiError

    async def __call__(self, resource: Resource, namespace: str, labels: dict[str, str] | None = None) -> list[Object]:
        if resource == self.refuses:
            raise self.error
        return await Cluster(*self.server.objects).list(resource, namespace, labels)


def service(revision: Revision) -> Object:
    """The Service of a revision, as the operator made it."""
    manifest = server_service(OWNER, "movies", revision)
    manifest["metadata"] |= {"uid": f"service {revision.version}"}
    return manifest


def trying_version_2(services: tuple[Revision, ...] = (SERVES, TRIED), **refuses: ApiError) -> Server:
    """Version 1 serves 90 %, version 2 is the canary; an old workload of nobody's waits for its deletion."""
    obj = deployment()
    times = dict.fromkeys(("startTime", "stepStartTime", "firstWeightTime"), rfc3339(START))
    obj["status"]["canary"] = {**TRIED.wire(), "weight": 10, "step": 0, **times}
    obj["metadata"]["resourceVersion"] = "1"
    spec = DeploymentSpec.model_validate(obj["spec"])
    route = http_route(OWNER, "movies", spec.traffic, [Backend(SERVES, 90), Backend(TRIED, 10)], SERVES.revision)
    route["metadata"] |= {"uid": "r", "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z"}
    conditions = [{"type": kind, "status": "True", "observedGeneration": 1} for kind in ("Accepted", "ResolvedRefs")]
    route["status"] = {"parents": [{"parentRef": {"name": "gateway"}, "conditions": conditions}]}
    old = SERVES.model_copy(update={"version": 3, "digest": "sha256:" + "3" * 64, "revision": "3" * 16})
    left = server_workload(OWNER, "movies", old, spec.resources, None, 2)
    left["metadata"] |= {"uid": "old", "generation": 1}
    versions = {"versions": [VERSION, {**VERSION, "version": 2, "digest": TRIED.digest}]}
    return Server(
        (DEPLOYMENTS, obj),
        (WORKLOADS, workload()),
        (WORKLOADS, left),
        *((SERVICES, service(revision)) for revision in services),
        (HTTPROUTES, route),
        (RECMODELS, model({}, versions)),
        refuses=refuses,
    )


def serving_version_1() -> Server:
    """Version 1 serves everything, and nothing goes on."""
    obj = deployment()
    obj["metadata"]["resourceVersion"] = "1"
    spec = DeploymentSpec.model_validate(obj["spec"])
    route = http_route(OWNER, "movies", spec.traffic, [Backend(SERVES, 100)], SERVES.revision)
    route["metadata"] |= {"uid": "r", "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z"}
    conditions = [{"type": kind, "status": "True", "observedGeneration": 1} for kind in ("Accepted", "ResolvedRefs")]
    route["status"] = {"parents": [{"parentRef": {"name": "gateway"}, "conditions": conditions}]}
    return Server(
        (DEPLOYMENTS, obj),
        (WORKLOADS, workload()),
        (SERVICES, service(SERVES)),
        (HTTPROUTES, route),
        (RECMODELS, model({}, {"versions": [VERSION]})),
        refuses={},
    )


async def reconcile(server: Server, *posted: Posted, notifier: Notifier | None = None) -> float | None:
    """One reconcile with these alerts: the seconds until the next."""
    settings = Settings(trainer_image="t", server_image=IMAGE)
    notifier = notifier or Notifier(server, Targets({}))  # type: ignore[arg-type]
    return await DeploymentReconciler(server, settings, notifier, lambda: START)(KEY, posted)  # type: ignore[arg-type]


def bad_version_2() -> Posted:
    """A critical alert about version 2."""
    return Posted(World().alert(2))


def rollbacks() -> float:
    """The counter's value."""
    return metrics.ROLLBACKS.labels("shop", "movies", "Alert")._value.get()


async def test_a_rollback_counts_once_its_status_is_written() -> None:
    before = rollbacks()
    with pytest.raises(ApiError):
        await reconcile(trying_version_2(status=ApiError(500, "InternalError", "no")), bad_version_2())
    assert rollbacks() == before
    with pytest.raises(ApiError):
        await reconcile(trying_version_2(Deployment=ApiError(500, "InternalError", "no")), bad_version_2())
    assert rollbacks() == before + 1


async def test_a_refused_child_keeps_nothing_else_from_happening() -> None:
    """The route, deletions and events are written; the alert is acted on; and it is tried again."""
    no = ApiError(403, "Forbidden", "PATCH /x: 403 exceeded quota", "exceeded quota")
    server = trying_version_2(Deployment=no)
    alert = bad_version_2()
    assert await reconcile(server, alert) == TRY_AGAIN
    assert alert.outcome == "RolledBack"
    assert server.status["conditions"][0]["reason"] == "ChildRefused"
    assert server.status["canary"]["weight"] == 0
    assert server.written.count("status") == 2
    assert server.written.index("Service") > server.written.index("status")
    assert {"HTTPRoute", f"delete movies-v3-{'3' * 8}", "event RolledBack", "event ChildRefused"} <= set(server.written)


async def test_a_refused_child_makes_the_reconcile_fail_so_that_it_is_tried_again() -> None:
    no = ApiError(403, "Forbidden", "PATCH /x: 403 exceeded quota", "exceeded quota")
    with pytest.raises(ApiError, match="exceeded quota") as caught:
        await reconcile(trying_version_2(Deployment=no))
    assert caught.value.reason == "ChildRefused"


async def test_no_requests_begin_to_go_to_a_service_that_was_refused() -> None:
    no = ApiError(403, "Forbidden", "PATCH /x: 403 exceeded quota", "exceeded quota")
    server = trying_version_2(services=(TRIED,), Service=no)
    with pytest.raises(ApiError, match=f"Service movies-v1-{SERVES.revision[:8]}"):
        await reconcile(server)
    assert "HTTPRoute" not in server.written


def with_autoscalers(server: Server) -> Server:
    """The same, scaled: both versions have an autoscaler and were applied with a number of pods before."""
    obj = next(one for kind, one in server.objects if kind == DEPLOYMENTS)
    obj["spec"]["autoscaling"] = {"minReplicas": 2, "maxReplicas": 9}
    found = []
    for revision in (SERVES, TRIED):
        manifest = autoscaler(OWNER, "movies", revision, Autoscaling(max_replicas=9), 2, 9)
        manifest["metadata"]["uid"] = f"scaler {revision.version}"
        found.append((AUTOSCALERS, manifest))
    live = next(one for kind, one in server.objects if kind == WORKLOADS)
    live["metadata"]["managedFields"] = [{"manager": FIELD_MANAGER, "fieldsV1": {"f:spec": {"f:replicas": {}}}}]
    return Server(*server.objects, *found, refuses=server.refuses)


async def test_the_autoscaler_of_what_is_taken_back_goes_after_the_weight_and_before_the_pods() -> None:
    server = with_autoscalers(trying_version_2())
    await reconcile(server, bad_version_2())
    order = ["status", "HTTPRoute", f"delete movies-v2-{'2' * 8}", "Deployment"]
    assert sorted(order, key=server.written.index) == order
    assert f"delete movies-v1-{SERVES.revision[:8]}" not in server.written


@pytest.mark.parametrize("status", [403, 500])
@pytest.mark.parametrize("write", [f"delete movies-v2-{'2' * 8}", f"movies-v1-{SERVES.revision[:8]} to 2 pods"])
async def test_an_autoscaler_that_stays_keeps_no_weight_from_falling(write: str, status: int) -> None:
    server = with_autoscalers(trying_version_2(**{write: ApiError(status, "No", "no")}))
    with suppress(ApiError):  # A refusal is told; an error is tried again at once.
        await reconcile(server, bad_version_2())
    route = next(one for one in server.applied if one["kind"] == "HTTPRoute")
    assert [(one["weight"]) for one in route["spec"]["rules"][0]["backendRefs"]] == [100]
    assert status == 500 or f"delete movies-v3-{'3' * 8}" in server.written, "a refusal kept the rest from happening"


async def test_a_workload_whose_number_could_not_be_handed_over_keeps_it() -> None:
    name = f"movies-v1-{SERVES.revision[:8]}"
    server = with_autoscalers(trying_version_2(**{f"{name} to 2 pods": ApiError(403, "Forbidden", "no")}))
    with pytest.raises(ApiError, match=f"Deployment {name}"):
        await reconcile(server)
    assert name not in {one["metadata"]["name"] for one in server.applied if one["kind"] == "Deployment"}


async def test_the_number_of_pods_is_handed_over_before_it_is_left_out() -> None:
    """Else the API server would fall back to one pod."""
    server = with_autoscalers(trying_version_2())
    await reconcile(server)
    handed = server.written.index(f"movies-v1-{SERVES.revision[:8]} to 2 pods")
    assert handed < server.written.index("Deployment")
    made = [one for one in server.applied if one["kind"] == "Deployment"]
    assert made
    assert all("replicas" not in one["spec"] for one in made)
    assert {one["metadata"]["name"] for one in server.applied if one["kind"] == "HorizontalPodAutoscaler"} == {
        f"movies-v1-{SERVES.revision[:8]}",
        f"movies-v2-{'2' * 8}",
    }


async def test_a_workload_that_was_refused_is_not_resized() -> None:
    no = ApiError(403, "Forbidden", "PATCH /x: 403 exceeded quota", "exceeded quota")
    server = with_autoscalers(trying_version_2(Deployment=no))
    with pytest.raises(ApiError, match="exceeded quota"):
        await reconcile(server)
    assert not [one for one in server.written if one.startswith("movies-v2") and one.endswith("pods")]


async def test_people_are_told_of_a_rollback_whatever_becomes_of_its_children() -> None:
    """Once, and only when the status is written."""

    class Heard(Notifier):
        def tell(self, obj: Object, spec: object, status: object, notices: Iterable[Notice], now: object) -> None:
            reasons.extend(notice.reason for notice in notices)

    reasons: list[str] = []
    no = ApiError(500, "InternalError", "no")
    for refused in ("status", "Deployment"):
        server = trying_version_2(**{refused: no})
        with pytest.raises(ApiError):
            await reconcile(server, bad_version_2(), notifier=Heard(server, Targets({})))  # type: ignore[arg-type]
        assert reasons == ([] if refused == "status" else ["RolledBack", "VersionBlocked"])


async def test_a_target_that_there_is_not_is_told_in_an_event() -> None:
    server = trying_version_2()
    obj = next(one for kind, one in server.objects if kind == DEPLOYMENTS)
    obj["spec"]["notifications"] = [{"name": "nobody"}]
    await reconcile(server)
    assert "event NotificationTargetMissing" in server.written


@pytest.mark.parametrize("status", [403, 500, 0])
async def test_children_that_could_not_be_read_are_read_again_soon(status: int) -> None:
    """An API server that has just started refuses everybody: what is left over then must not wait for the resync."""
    server = serving_version_1()
    left = disruption_budget(OWNER, "movies", TRIED)
    left["metadata"] |= {"uid": "left"}
    server.objects = (*server.objects, (BUDGETS, left))
    refused = ApiError(status, "Whatever", "no")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "list", Refusing(server, BUDGETS, refused))
        patch.setattr(server, "get", Cluster(*server.objects).get)
        assert await reconcile(server) == READ_AGAIN
    gone = f"delete {left['metadata']['name']}"
    assert gone not in server.written
    assert await reconcile(server) != READ_AGAIN
    assert gone in server.written
