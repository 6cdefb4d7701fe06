"""The order of writes, and that nothing is written that is already so."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from recsys_operator.api.kinds import CONFIGMAPS, SERVICES, Resource
from recsys_operator.apply.changes import HASH, Changes, carry_out, own_status, stamped
from recsys_operator.apply.client import ApiError
from recsys_operator.apply.event import Event, ObjectRef


@dataclass
class Recorder:
    """Stands for the API server: remembers what is written, in order."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    refuse: str = ""

    def note(self, what: str) -> None:
        if what == self.refuse:
            raise ApiError(500, "InternalError", "refused")
        self.written.append(what)

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        return self.objects.get(f"{resource.plural}/{name}")

    async def apply(self, resource: Resource, manifest: dict[str, Any]) -> dict[str, Any]:
        self.note(f"apply {resource.plural}/{manifest['metadata']['name']}")
        self.objects[f"{resource.plural}/{manifest['metadata']['name']}"] = manifest
        return manifest

    async def apply_status(self, resource: Resource, live: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
        self.note(f"status {resource.plural}/{live['metadata']['name']}")
        return {}

    async def delete(self, resource: Resource, namespace: str, name: str, uid: str | None = None) -> None:
        self.note(f"delete {resource.plural}/{name}")

    async def emit(self, event: Event) -> None:
        self.note(f"event {event.reason}")


def parent(**status: Any) -> dict[str, Any]:
    return {
        "apiVersion": "recsys.dev/v1alpha1",
        "kind": "Deployment",
        "metadata": {"name": "movies", "namespace": "shop", "uid": "u1"},
        "status": status,
    }


def child(owner: str = "u1", **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "child", "namespace": "shop", "ownerReferences": [{"uid": owner}]},
        "data": data,
    }


EVENT = Event(ObjectRef.of(parent()), "Normal", "Promoted", "Version 2 serves.", "Promote")


def changes(*, status_first: bool = False) -> Changes:
    return Changes(
        apply=((CONFIGMAPS, child(a="1")),),
        delete=((SERVICES, "shop", "old", "u9"),),
        status={"url": "http://x"},
        events=(EVENT,),
        status_first=status_first,
    )


async def write(recorder: Recorder, what: Changes, obj: dict[str, Any] | None = None) -> list[str]:
    recorder.written.clear()
    await carry_out(recorder, obj or parent(), what)  # type: ignore[arg-type]
    return list(recorder.written)


async def test_applies_then_status_then_deletions_then_events() -> None:
    assert await write(Recorder(), changes()) == [
        "apply configmaps/child",
        "status deployments/movies",
        "delete services/old",
        "event Promoted",
    ]


async def test_status_may_come_first() -> None:
    written = await write(Recorder(), changes(status_first=True))
    assert written[:2] == ["status deployments/movies", "apply configmaps/child"]
    assert written.count("status deployments/movies") == 1


async def test_nothing_is_told_when_the_status_was_refused() -> None:
    recorder = Recorder(refuse="status deployments/movies")
    with pytest.raises(ApiError):
        await carry_out(recorder, parent(), changes())  # type: ignore[arg-type]
    assert recorder.written == ["apply configmaps/child"]


async def test_what_is_so_already_costs_no_write() -> None:
    recorder = Recorder()
    same = Changes(apply=((CONFIGMAPS, child(a="1")),), status={"url": "http://x"})
    assert await write(recorder, same)
    assert await write(recorder, same, parent(url="http://x")) == []


async def test_drift_and_edits_are_mended() -> None:
    recorder = Recorder()
    one = Changes(apply=((CONFIGMAPS, child(a="1", b="2")),))
    await write(recorder, one)
    recorder.objects["configmaps/child"]["data"]["a"] = "drifted"
    assert await write(recorder, one) == ["apply configmaps/child"]
    # A field that the new manifest no longer has is seen by the hash.
    assert await write(recorder, Changes(apply=((CONFIGMAPS, child(a="1")),))) == ["apply configmaps/child"]


async def test_children_that_were_just_read_are_not_read_again() -> None:
    observed = Changes(apply=((CONFIGMAPS, child(a="1")),), observed=(stamped(child(a="1")),))
    assert await write(Recorder(), observed) == []


async def test_a_child_of_somebody_else_is_left_alone() -> None:
    recorder = Recorder(objects={"configmaps/child": child(owner="another", a="1")})
    with pytest.raises(ApiError, match="ConfigMap shop/child already exists and is not ours") as caught:
        await carry_out(recorder, parent(), Changes(apply=((CONFIGMAPS, child(a="1")),)))  # type: ignore[arg-type]
    assert caught.value.reason == "OwnedByAnother"
    assert recorder.written == []


def test_other_managers_fields_are_no_part_of_our_status() -> None:
    obj = parent(progress={"percent": 5}, conditions=[], attempts=1)
    obj["metadata"]["managedFields"] = [
        {"manager": "trainer", "fieldsV1": {"f:status": {"f:progress": {}, "f:attempts": {}}}},
        {"manager": "recsys-operator", "fieldsV1": {"f:status": {"f:conditions": {}, "f:attempts": {}}}},
    ]
    assert own_status(obj) == {"conditions": [], "attempts": 1}


def test_the_hash_is_that_of_the_manifest_without_it() -> None:
    one, other = stamped(child(a="1")), stamped(child(a="2"))
    assert one["metadata"]["annotations"][HASH] != other["metadata"]["annotations"][HASH]
    assert "annotations" not in child(a="1")["metadata"]


def test_a_long_event_is_cut_to_what_the_api_server_takes() -> None:
    event = Event(ObjectRef.of(parent()), "Warning", "RolledBack", "ü" * 1000, "RollBack")

    manifest = event.manifest("pod-1", datetime(2026, 1, 2, tzinfo=UTC))
    assert len(manifest["note"].encode()) <= 1024
    assert manifest["metadata"]["namespace"] == "shop"
    assert manifest["eventTime"] == "2026-01-02T00:00:00.000000Z"
