"""What is left in a namespace in the end, without what differs between two equal lives."""

import re
from typing import Any

from tests.integration.harness.api import Api, Object

from recsys_operator.api.kinds import (
    CONFIGMAPS,
    DEPLOYMENTS,
    HTTPROUTES,
    JOBS,
    RECMODELS,
    ROLEBINDINGS,
    ROLES,
    SERVICEACCOUNTS,
    SERVICES,
    TRAININGRUNS,
    WORKLOADS,
)

RESOURCES = (
    RECMODELS,
    TRAININGRUNS,
    DEPLOYMENTS,
    SERVICEACCOUNTS,
    ROLES,
    ROLEBINDINGS,
    CONFIGMAPS,
    JOBS,
    WORKLOADS,
    SERVICES,
    HTTPROUTES,
)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
DROPPED = ("uid", "resourceVersion", "creationTimestamp", "time")
NETWORK = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")
HASH = "recsys.dev/applied-hash"


async def snapshot(api: Api, namespace: str) -> dict[str, Object]:
    """All objects by kind and name."""
    objects = [obj for resource in RESOURCES for obj in await api.list(resource, namespace)]
    names = {obj["metadata"]["uid"]: f"<uid of {obj['kind']} {obj['metadata']['name']}>" for obj in objects}
    return {
        f"{obj['apiVersion']} {obj['kind']} {obj['metadata']['name']}": _plain(obj, namespace, names)
        for obj in objects
        # Controllers that some control planes run make these.
        if obj["metadata"]["name"] not in ("default", "kube-root-ca.crt")
    }


def _plain(value: Any, namespace: str, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        kept = {}
        for name, inner in value.items():
            if name in DROPPED or name in NETWORK:
                continue
            # The hash covers the owner's UID, and so does a name of a field below managedFields.
            plain_name = _plain(name, namespace, names)
            kept[plain_name] = "<hash>" if name == HASH else _plain(inner, namespace, names)
        return kept
    if isinstance(value, list):
        plain = [_plain(inner, namespace, names) for inner in value]
        if plain and all(isinstance(inner, dict) and "fieldsV1" in inner for inner in plain):
            plain.sort(key=lambda entry: (entry.get("manager"), entry.get("subresource", ""), entry.get("operation")))
        return plain
    if isinstance(value, str):
        for uid, name in names.items():
            value = value.replace(uid, name)
        return TIME.sub("<time>", value.replace(namespace, "<namespace>"))
    return value


def differences(expected: Any, found: Any, where: str = "") -> list[str]:
    """Where two snapshots differ, one line a place."""
    if isinstance(expected, dict) and isinstance(found, dict):
        lines = []
        for name in sorted(expected.keys() | found.keys()):
            if name not in found:
                lines.append(f"{where}/{name} is missing, expected {expected[name]!r:.300}")
            elif name not in expected:
                lines.append(f"{where}/{name} is too much: {found[name]!r:.300}")
            else:
                lines += differences(expected[name], found[name], f"{where}/{name}")
        return lines
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        return [line for index, (one, other) in pairs for line in differences(one, other, f"{where}[{index}]")]
    return [] if expected == found else [f"{where}: expected {expected!r:.500}, found {found!r:.500}"]
