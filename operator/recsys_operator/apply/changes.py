"""Carrying out what was decided: applies, then one status write, then deletions, then events."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recsys_operator.api.kinds import KINDS, Resource, resource
from recsys_operator.apply.client import FIELD_MANAGER, ApiError, Client
from recsys_operator.apply.event import Event
from recsys_operator.apply.same import contains

HASH = "recsys.dev/applied-hash"
OURS = {(kind.api_version, kind.kind): resource(kind) for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Changes:
    """What to do for one object.

    `status` is the whole status that this operator owns: fields it had and this lacks are removed; fields of other
    managers stay. None leaves the status alone. `observed` may hold children as just read: those need not be read
    again to find out whether an apply would change them.
    """

    apply: tuple[tuple[Resource, dict[str, Any]], ...] = ()
    delete: tuple[tuple[Resource, str, str, str], ...] = ()
    status: dict[str, Any] | None = None
    events: tuple[Event, ...] = ()
    status_first: bool = False
    observed: tuple[dict[str, Any], ...] = ()


async def carry_out(client: Client, obj: dict[str, Any], changes: Changes) -> None:
    """Write what `changes` says about `obj` (as last read), and nothing that is already so.

    Order: applies, status, deletions, events; with `status_first` the status comes before the applies. The first
    failure ends it: what follows a failed write is not written.
    """
    if changes.status_first:
        await _write_status(client, obj, changes.status)
    observed = {_identity(child): child for child in changes.observed}
    for kind, manifest in changes.apply:
        await _apply(client, kind, manifest, observed)
    if not changes.status_first:
        await _write_status(client, obj, changes.status)
    for kind, namespace, name, uid in changes.delete:
        await client.delete(kind, namespace, name, uid)
    for event in changes.events:
        await client.emit(event)


def stamped(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest with the annotation that holds its own hash."""
    encoded = json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
    metadata = manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), HASH: hashlib.sha256(encoded).hexdigest()[:32]}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def own_status(obj: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an object's status that no other field manager owns, as the API server has it now."""
    status: dict[str, Any] = obj.get("status", {})
    entries: Sequence[Mapping[str, Any]] = obj["metadata"].get("managedFields", ())
    owners: dict[str, set[str]] = {}
    for entry in entries:
        for field in entry.get("fieldsV1", {}).get("f:status", {}):
            owners.setdefault(field.removeprefix("f:"), set()).add(str(entry.get("manager")))
    return {name: value for name, value in status.items() if FIELD_MANAGER in owners.get(name, {FIELD_MANAGER})}


async def _apply(
    client: Client, kind: Resource, manifest: dict[str, Any], observed: Mapping[tuple[str, ...], dict[str, Any]]
) -> None:
    wanted = stamped(manifest)
    metadata = manifest["metadata"]
    live = observed.get((kind.api_version, kind.kind, metadata["namespace"], metadata["name"]))
    if live is None:
        live = await client.get(kind, metadata["namespace"], metadata["name"])
    if live is not None:
        _refuse_foreign(live, manifest)
    if live is None or not contains(live, wanted):
        await client.apply(kind, wanted)


def _refuse_foreign(live: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
    """Never take over what another object owns, such as the child of a deleted object of the same name."""
    wanted = {ref["uid"] for ref in manifest["metadata"].get("ownerReferences", ())}
    found = {ref["uid"] for ref in live["metadata"].get("ownerReferences", ())}
    if wanted and not wanted & found:
        name = f"{manifest['metadata']['namespace']}/{manifest['metadata']['name']}"
        raise ApiError(
            409,
            "OwnedByAnother",
            f"{manifest['kind']} {name} already exists and is not ours: delete or rename it, then this goes on",
        )


async def _write_status(client: Client, obj: dict[str, Any], status: dict[str, Any] | None) -> None:
    if status is None or status == own_status(obj):
        return
    await client.apply_status(OURS[(obj["apiVersion"], obj["kind"])], obj, status)


def _identity(obj: Mapping[str, Any]) -> tuple[str, ...]:
    metadata = obj["metadata"]
    return (obj["apiVersion"], obj["kind"], metadata["namespace"], metadata["name"])
