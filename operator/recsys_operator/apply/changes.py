"""Writing what was decided: children and status, and nothing that is already so."""

import hashlib
import json
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

from recsys_operator.api.kinds import KINDS, Resource, resource
from recsys_operator.apply.client import FIELD_MANAGER, ApiError, Client
from recsys_operator.apply.same import contains
from recsys_operator.decide.refusal import CHILD_REFUSED, Refusal, sentence

HASH = "recsys.dev/applied-hash"
OURS = {(kind.api_version, kind.kind): resource(kind) for kind in KINDS}


Child = tuple[Resource, dict[str, Any]]

TRIED_AGAIN = frozenset({401, 404, 408, 409, 410, 425, 429})
"""Refusals that say nothing about the child: time, a retry or another error's remedy mends them."""


async def apply_children(
    client: Client, wanted: Sequence[Child], observed: Sequence[dict[str, Any]], *, independent: bool
) -> tuple[Refusal, ...]:
    """Apply, in this order, what is not so already, and tell what the API server refused.

    `independent` children are all tried; else the first refusal ends it, as the rest needs what was refused. Any other
    failure is raised at once. `observed` may hold children as just read: those need not be read again.
    """
    known = {_identity(child): child for child in observed}
    refusals: list[Refusal] = []
    for kind, manifest in wanted:
        refusals += await attempt(kind, manifest["metadata"]["name"], _apply(client, kind, manifest, known))
        if refusals and not independent:
            break
    return tuple(refusals)


async def attempt(kind: Resource, name: str, write: Awaitable[None]) -> tuple[Refusal, ...]:
    """Do one write of a child, and tell if the API server refused it; any other failure is raised."""
    try:
        await write
    except ApiError as error:
        if not refused(error):
            raise
        return (Refusal(kind.kind, name, error.told),)
    return ()


def refused(error: ApiError) -> bool:
    """Whether the API server understood a write and does not want it: the same write may be refused for ever."""
    return 400 <= error.status < 500 and error.status not in TRIED_AGAIN


def failure(refusals: Sequence[Refusal]) -> ApiError:
    """The error that ends a reconcile with refused children, so that it is tried again."""
    return ApiError(403, CHILD_REFUSED, sentence(refusals))


async def write_status(client: Client, obj: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
    """Make `status` the whole status that this operator owns of `obj` (as last read), and give the object after that.

    Fields that it had and `status` lacks are removed; fields of other managers stay.
    """
    if status == own_status(obj):
        return obj
    return await client.apply_status(OURS[(obj["apiVersion"], obj["kind"])], obj, status)


async def drop_status(client: Client, obj: dict[str, Any], fields: Mapping[str, Any]) -> None:
    """Take fields out of the status of `obj`, whoever owns them: those that are None in `fields`.

    Nothing is done when somebody has written since it was read; that wakes whoever wants them gone.
    """
    try:
        await client.merge_status(OURS[(obj["apiVersion"], obj["kind"])], obj, dict(fields))
    except ApiError as error:
        if error.status != 409:
            raise


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


def _identity(obj: Mapping[str, Any]) -> tuple[str, ...]:
    metadata = obj["metadata"]
    return (obj["apiVersion"], obj["kind"], metadata["namespace"], metadata["name"])
