"""Which objects an event wakes: the object itself, the owner of a child, and what names or is named by it."""

from typing import Any

import pytest

from recsys_operator.api.kinds import (
    DEPLOYMENTS,
    HTTPROUTES,
    JOBS,
    PODS,
    RAYJOBS,
    RECMODELS,
    TRAININGRUNS,
    WORKLOADS,
    Resource,
)
from recsys_operator.build.labels import MANAGED_BY, OPERATOR
from recsys_operator.handlers import Waker, watched
from recsys_operator.health import Health
from recsys_operator.reconcile.loop import Key

MOVIES = Key("recmodels", "shop", "movies", "m1")
BOOKS = Key("recmodels", "shop", "books", "m2")
RUN = Key("trainingruns", "shop", "run", "r1")
SERVED = Key("deployments", "shop", "front", "d1")
RESOURCES = {resource.plural: resource for resource in (RECMODELS, TRAININGRUNS, DEPLOYMENTS)}
OURS = {MANAGED_BY: OPERATOR}


class Woken:
    """Stands where `Loops` does: it knows the objects that were woken before, and writes down the new ones."""

    def __init__(self) -> None:
        self.known: list[Key] = []
        self.woken: list[Key] = []

    def wake(self, key: Key) -> None:
        self.woken.append(key)
        if key not in self.known:
            self.known.append(key)

    def keys(self, plural: str, namespace: str) -> tuple[Key, ...]:
        return tuple(key for key in self.known if (key.plural, key.namespace) == (plural, namespace))


class World:
    """A Waker, what it wakes, and the health that it tells of deliveries."""

    def __init__(self) -> None:
        self.loops = Woken()
        self.now = 0.0
        self.health = Health(watched, clock=lambda: self.now, patience=10)
        self.waker = Waker(self.loops, self.health)  # type: ignore[arg-type]

    def event(self, resource: Resource, kind: str | None, obj: dict[str, Any]) -> set[Key]:
        """What this event alone wakes."""
        self.loops.woken.clear()
        self.waker.event(resource, kind, obj)
        return set(self.loops.woken)

    def own(self, key: Key, kind: str | None = "MODIFIED", model: str = "movies", version: str = "1") -> set[Key]:
        """An event of one of our kinds."""
        return self.event(RESOURCES[key.plural], kind, own(key, model, version))


@pytest.fixture
def world() -> World:
    """Two RecModels; a run and a Deployment of the first one."""
    made = World()
    for key in (MOVIES, BOOKS, RUN, SERVED):
        made.own(key, None)
    return made


def metadata(key: Key, version: str = "1", **more: Any) -> dict[str, Any]:
    return {"namespace": key.namespace, "name": key.name, "uid": key.uid, "resourceVersion": version, **more}


def own(key: Key, model: str = "movies", version: str = "1") -> dict[str, Any]:
    spec = {} if key.plural == RECMODELS.plural else {"modelRef": {"name": model}}
    return {"metadata": metadata(key, version), "spec": spec}


def child(*owners: dict[str, Any], name: str = "child", uid: str = "c1") -> dict[str, Any]:
    key = Key("", "shop", name, uid)
    found = metadata(key, labels=OURS)
    return {"metadata": {**found, "ownerReferences": list(owners)} if owners else found}


def reference(key: Key, **changes: str) -> dict[str, Any]:
    resource = RESOURCES[key.plural]
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "name": key.name,
        "uid": key.uid,
        "controller": True,
        **changes,
    }


@pytest.mark.parametrize("kind", [None, "ADDED", "MODIFIED", "DELETED"])
@pytest.mark.parametrize("key", [MOVIES, RUN, SERVED], ids=lambda key: key.plural)
def test_an_object_is_woken_by_each_of_its_events(key: Key, kind: str | None) -> None:
    """Also by the first one, and by the one that tells of its end: its task then finds that it is gone."""
    assert World().own(key, kind) == {key}


def test_a_model_wakes_its_runs_and_deployments(world: World) -> None:
    assert world.own(MOVIES) == {MOVIES, RUN, SERVED}
    assert world.own(BOOKS) == {BOOKS}


def test_a_run_and_a_deployment_wake_their_model(world: World) -> None:
    assert world.own(RUN) == {RUN, MOVIES}
    assert world.own(SERVED) == {SERVED, MOVIES}


def test_what_came_before_its_model_is_woken_by_it() -> None:
    world = World()
    assert world.own(RUN, "ADDED") == {RUN}
    assert world.own(SERVED, "ADDED") == {SERVED}
    assert world.own(BOOKS, "ADDED") == {BOOKS}
    assert world.own(MOVIES, "ADDED") == {MOVIES, RUN, SERVED}


def test_names_count_inside_their_namespace_only(world: World) -> None:
    elsewhere = Key("recmodels", "news", "movies", "m3")
    assert world.own(elsewhere) == {elsewhere}
    run = Key("trainingruns", "news", "run", "r3")
    assert world.own(run) == {run, elsewhere}
    assert world.own(MOVIES) == {MOVIES, RUN, SERVED}


def test_a_deployment_of_another_model_follows_its_new_one(world: World) -> None:
    assert world.own(SERVED, model="books") == {SERVED, BOOKS}
    assert world.own(MOVIES) == {MOVIES, RUN}
    assert world.own(BOOKS) == {BOOKS, SERVED}


def test_the_end_of_a_run_or_deployment_wakes_its_model_a_last_time(world: World) -> None:
    assert world.own(RUN, "DELETED") == {RUN, MOVIES}
    assert world.own(SERVED, "DELETED") == {SERVED, MOVIES}
    assert world.own(MOVIES) == {MOVIES}


def test_the_end_of_a_model_wakes_what_names_it(world: World) -> None:
    """They say ModelNotFound then; and a namesake that is made later wakes them again."""
    assert world.own(MOVIES, "DELETED") == {MOVIES, RUN, SERVED}
    namesake = Key("recmodels", "shop", "movies", "m9")
    assert world.own(namesake, "ADDED") == {namesake, RUN, SERVED}


@pytest.mark.parametrize("kind", [None, "ADDED", "MODIFIED", "DELETED"])
@pytest.mark.parametrize(("resource", "key"), [(JOBS, RUN), (RAYJOBS, RUN), (WORKLOADS, SERVED), (HTTPROUTES, SERVED)])
def test_a_child_wakes_its_owner_and_nothing_else(world: World, resource: Resource, key: Key, kind: str | None) -> None:
    assert world.event(resource, kind, child(reference(key))) == {key}


def test_a_child_wakes_an_owner_that_was_not_seen_yet() -> None:
    """The watches of the kinds are independent: the child's may be faster."""
    assert World().event(JOBS, "ADDED", child(reference(RUN))) == {RUN}


def test_a_child_wakes_the_owner_of_its_uid_not_a_namesake(world: World) -> None:
    old = Key("deployments", "shop", "front", "d0")
    assert world.event(WORKLOADS, "DELETED", child(reference(old))) == {old}


@pytest.mark.parametrize(
    "owners",
    [
        [],
        [reference(SERVED, apiVersion="apps/v1")],
        [reference(SERVED, apiVersion="recsys.dev/v1")],
        [reference(RUN, kind="CronJob", apiVersion="batch/v1")],
        [reference(RUN, kind="Pod")],
    ],
    ids=["none", "the other Deployment", "another version", "another group", "another kind"],
)
def test_labels_alone_wake_nobody(world: World, owners: list[dict[str, Any]]) -> None:
    """Whoever copies our labels onto an object of their own wakes nothing, and breaks nothing."""
    assert world.event(WORKLOADS, "MODIFIED", child(*owners)) == set()


def test_of_several_owners_ours_are_woken(world: World) -> None:
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "name": "mine", "uid": "x"}
    assert world.event(WORKLOADS, "MODIFIED", child(theirs, reference(SERVED))) == {SERVED}


@pytest.mark.parametrize("spec", [None, {}, {"modelRef": None}, {"modelRef": "movies"}, {"modelRef": {}}, "x", []])
def test_an_object_that_an_older_crd_let_in_wakes_itself(world: World, spec: Any) -> None:
    odd = {"metadata": metadata(RUN), **({} if spec is None else {"spec": spec})}
    assert world.event(TRAININGRUNS, "MODIFIED", odd) == {RUN}
    assert world.own(MOVIES) == {MOVIES, SERVED}


def test_events_settle_what_the_watch_owes(world: World) -> None:
    """An answer of the API server must be followed by its event; a deletion ends the debt."""
    world.health.answered(RECMODELS, own(MOVIES, version="7"))
    world.health.answered(TRAININGRUNS, own(RUN, version="8"))
    world.now = 11.0
    assert _silent(world) == {"recmodels", "trainingruns"}
    world.own(MOVIES, version="7")
    assert _silent(world) == {"trainingruns"}
    world.own(RUN, "DELETED", version="9")
    assert _silent(world) == set()
    world.health.answered(TRAININGRUNS, own(RUN, version="12"))
    world.now = 25.0
    assert _silent(world) == set(), "an answer that was on its way when the object went"


def _silent(world: World) -> set[str]:
    told = (text for text in world.health.problems() if text.startswith("the watch of "))
    return {text.split()[3] for text in told}


@pytest.mark.parametrize(
    ("resource", "labels", "expected"),
    [
        (RECMODELS, {}, True),
        (TRAININGRUNS, {}, True),
        (DEPLOYMENTS, {}, True),
        (JOBS, OURS, True),
        (RAYJOBS, OURS, True),
        (WORKLOADS, OURS, True),
        (HTTPROUTES, OURS, True),
        (JOBS, {}, False),
        (WORKLOADS, {MANAGED_BY: "Helm"}, False),
        (PODS, OURS, False),
    ],
)
def test_which_objects_a_watch_must_deliver(resource: Resource, labels: dict[str, str], expected: bool) -> None:
    assert watched(resource, {"metadata": {"labels": labels} if labels else {}}) is expected
