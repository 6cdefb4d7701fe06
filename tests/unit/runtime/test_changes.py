"""What is written, that nothing is written that is already so, and what becomes of refused writes."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from recsys_operator.api.kinds import CONFIGMAPS, Resource
from recsys_operator.apply.changes import HASH, apply_children, own_status, stamped, write_status
from recsys_operator.apply.client import ApiError
from recsys_operator.apply.event import Event, ObjectRef
from recsys_operator.decide.refusal import Refusal


@dataclass
class Recorder:
    """Stands for the API server: remembers what is written, in order."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    refuse: str = ""
    error: ApiError = field(default_factory=lambda: ApiError(500, "InternalError", "refused"))

    def note(self, what: str) -> None:
        if what == self.refuse:
            raise self.error
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


def parent(**status: Any) -> dict[str, Any]:
    return {
        "apiVersion": "recsys.dev/v1alpha1",
        "kind": "Deployment",
        "metadata": {"name": "movies", "namespace": "shop", "uid": "u1"},
        "status": status,
    }


def child(name: str = "child", owner: str = "u1", **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "shop", "ownerReferences": [{"uid": owner}]},
        "data": data,
    }


async def apply(recorder: Recorder, *wanted: dict[str, Any], independent: bool = True) -> tuple[Refusal, ...]:
    recorder.written.clear()
    pairs = [(CONFIGMAPS, one) for one in wanted]
    return await apply_children(recorder, pairs, (), independent=independent)  # type: ignore[arg-type]


async def test_children_are_applied_in_their_order() -> None:
    recorder = Recorder()
    assert await apply(recorder, child(a="1"), child("other", a="1")) == ()
    assert recorder.written == ["apply configmaps/child", "apply configmaps/other"]


async def test_what_is_so_already_costs_no_write() -> None:
    recorder = Recorder()
    await apply(recorder, child(a="1"))
    await apply(recorder, child(a="1"))
    assert recorder.written == []
    assert await write_status(recorder, parent(url="http://x"), {"url": "http://x"}) == parent(url="http://x")  # type: ignore[arg-type]
    assert recorder.written == []
    await write_status(recorder, parent(), {"url": "http://x"})  # type: ignore[arg-type]
    assert recorder.written == ["status deployments/movies"]


async def test_drift_and_edits_are_mended() -> None:
    recorder = Recorder()
    await apply(recorder, child(a="1", b="2"))
    recorder.objects["configmaps/child"]["data"]["a"] = "drifted"
    await apply(recorder, child(a="1", b="2"))
    assert recorder.written == ["apply configmaps/child"]
    # A field that the new manifest no longer has is seen by the hash.
    await apply(recorder, child(a="1"))
    assert recorder.written == ["apply configmaps/child"]


async def test_children_that_were_just_read_are_not_read_again() -> None:
    recorder = Recorder()
    observed = (stamped(child(a="1")),)
    await apply_children(recorder, ((CONFIGMAPS, child(a="1")),), observed, independent=True)  # type: ignore[arg-type]
    assert recorder.written == []


async def test_a_child_of_somebody_else_is_left_alone() -> None:
    recorder = Recorder(objects={"configmaps/child": child(owner="another", a="1")})
    with pytest.raises(ApiError, match="ConfigMap shop/child already exists and is not ours") as caught:
        await apply(recorder, child(a="1"))
    assert caught.value.reason == "OwnedByAnother"
    assert recorder.written == []


@pytest.mark.parametrize("status", [400, 403, 405, 413, 422])
async def test_a_refused_child_keeps_only_those_from_being_written_that_need_it(status: int) -> None:
    recorder = Recorder(refuse="apply configmaps/child", error=ApiError(status, "Forbidden", "PATCH /x: no", "no"))
    wanted = (child("first"), child(), child("last"))
    assert await apply(recorder, *wanted) == (Refusal("ConfigMap", "child", "no"),)
    assert recorder.written == ["apply configmaps/first", "apply configmaps/last"]
    recorder.objects.clear()
    assert await apply(recorder, *wanted, independent=False) == (Refusal("ConfigMap", "child", "no"),)
    assert recorder.written == ["apply configmaps/first"]


@pytest.mark.parametrize("status", [0, 401, 404, 409, 429, 500, 503])
async def test_an_error_that_time_mends_is_no_refusal(status: int) -> None:
    recorder = Recorder(refuse="apply configmaps/child", error=ApiError(status, "Whatever", "PATCH /x: no", "no"))
    with pytest.raises(ApiError):
        await apply(recorder, child(), child("last"))
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
