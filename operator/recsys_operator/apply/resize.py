"""The number of pods of a workload that an autoscaler scales: set without being held.

`spec.replicas` is left out of what the operator applies then. A field that its last applier leaves out falls back to
its default, one pod, so it must be somebody else's before that: it is applied by a field manager of its own, from which
the autoscaler takes it whenever it changes it.
"""

from collections.abc import Mapping
from typing import Any

from recsys_operator.api.kinds import WORKLOADS
from recsys_operator.apply.client import FIELD_MANAGER, Client

SIZE_MANAGER = f"{FIELD_MANAGER}-size"


def due(live: Mapping[str, Any], least: int) -> int | None:
    """To how many pods a live workload must be set before it is applied without a number; None: it need not."""
    replicas: int = live["spec"].get("replicas", 1)
    return max(replicas, least) if replicas < least or _ours(live) else None


async def resize(client: Client, namespace: str, name: str, replicas: int) -> None:
    """Set the number of pods of a workload that exists."""
    manifest = {
        "apiVersion": WORKLOADS.api_version,
        "kind": WORKLOADS.kind,
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"replicas": replicas},
    }
    await client.apply(WORKLOADS, manifest, manager=SIZE_MANAGER)


def _ours(live: Mapping[str, Any]) -> bool:
    """Whether the operator's main field manager holds the number."""
    entries = live["metadata"].get("managedFields", ())
    held = [entry.get("fieldsV1", {}).get("f:spec", {}) for entry in entries if entry.get("manager") == FIELD_MANAGER]
    return any("f:replicas" in fields for fields in held)
