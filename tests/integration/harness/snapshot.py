"""What is left in a namespace in the end, without what differs between two equal lives."""

import re
from typing import Any

from tests.integration.harness.api import Api, Object

from recsys_operator.api.kinds import (
    BUDGETS,
    CONFIGMAPS,
    DEPLOYMENTS,
    HTTPROUTES,
    JOBS,
    RAYJOBS,
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
    RAYJOBS,
    WORKLOADS,
    SERVICES,
    BUDGETS,
    HTTPROUTES,
)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
DROPPED = ("uid", "resourceVersion", "creationTimestamp", "time")
NETWORK = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")
MADE_BY_CONTROLLERS = ("default", "kube-root-ca.crt")
HASHES = ("recsys.dev/applied-hash", "recsys.dev/template-hash")


async def snapshot(api: Api, namespace: str) -> dict[str, Object]:
    """All objects by kind and name."""
    objects = [obj for resource in RESOURCES for obj in await api.list(resource, namespace)]
    names = {obj["metadata"]["uid"]: f"<uid of {obj['kind']} {obj['metadata']['name']}>" for obj in objects}
    for obj in objects:
        names |= _revisions(obj)
    ours = [obj for obj in objects if obj["metadata"]["name"] not in MADE_BY_CONTROLLERS]
    plain = [_plain(obj, namespace, names) for obj in ours]
    found = {f"{obj['apiVersion']} {obj['kind']} {obj['metadata']['name']}": obj for obj in plain}
    assert len(found) == len(plain), f"two objects of {namespace} look the same: {sorted(found)}"
    return found


def _revisions(value: Any) -> dict[str, str]:
    """Names for revisions: their hashes cover the artifact's URI, which holds the namespace."""
    found: dict[str, str] = {}
    if isinstance(value, dict):
        for version, revision in (("version", "revision"), ("recsys.dev/version", "recsys.dev/revision")):
            if isinstance(value.get(revision), str) and version in value:
                name = f"<revision of {value[version]}>"
                found |= {value[revision]: name, value[revision][:8]: name}
        for inner in value.values():
            found |= _revisions(inner)
    if isinstance(value, list):
        for inner in value:
            found |= _revisions(inner)
    return found


def _plain(value: Any, namespace: str, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        kept = {}
        for name, inner in value.items():
            if name in DROPPED or name in NETWORK:
                continue
            # Names below managedFields hold UIDs, and the hashes cover UIDs and the namespace.
            kept[_plain(name, namespace, names)] = "<hash>" if name in HASHES else _plain(inner, namespace, names)
        return kept
    if isinstance(value, list):
        plain = [_plain(inner, namespace, names) for inner in value]
        if plain and all(isinstance(inner, dict) and "fieldsV1" in inner for inner in plain):
            plain.sort(key=lambda entry: (entry.get("manager"), entry.get("subresource", ""), entry.get("operation")))
        return plain
    if isinstance(value, str):
        for found in sorted(names, key=len, reverse=True):
            value = value.replace(found, names[found])
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
