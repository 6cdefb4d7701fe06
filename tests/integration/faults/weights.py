"""Whether the weights that a Deployment's route had, one after the other, were right: judged from what was written."""

import json
import re
from collections.abc import Sequence
from typing import Any

from tests.integration.harness.proxy import Write

ROUTE = re.compile(r"/httproutes/[^/]+$")
WORKLOAD = re.compile(r"/apis/apps/v1/namespaces/[^/]+/deployments/[^/]+-v(\d+)-[0-9a-f]+$")
STATUS = re.compile(r"/apis/recsys\.dev/v1alpha1/namespaces/[^/]+/deployments/[^/]+/status$")
BACKEND = re.compile(r"-v(\d+)-[0-9a-f]+$")


def wrong_weights(accepted: Sequence[Write], steps: Sequence[int]) -> list[str]:
    """What was wrong, as sentences, in the writes that the API server accepted, which are given in their order.

    Weights sum to 100; a version's weight rises from one of the steps to the next and never over one; a blocked version
    has none; a version's pods stay while it has any.
    """
    ladder = [0, *steps, 100]
    weights: dict[int, int] = {}
    blocked: set[int] = set()
    problems = []
    for number, write in enumerate(accepted):
        body = json.loads(write.body) if write.body else {}
        if STATUS.search(write.path):
            blocked = {entry["version"] for entry in body.get("status", {}).get("blocked", ())}
        elif ROUTE.search(write.path) and write.method == "PATCH":
            found = _weights(body)
            problems += [f"write {number}: {line}" for line in _judged(weights, found, blocked, ladder)]
            weights = found
        elif ROUTE.search(write.path) and write.method == "DELETE":
            problems.append(f"write {number}: the route is deleted")
        elif (gone := WORKLOAD.search(write.path)) and _empties(write, body) and weights.get(int(gone[1])):
            problems.append(f"write {number}: the pods of version {gone[1]} go while it has {weights[int(gone[1])]} %")
    return problems


def _judged(before: dict[int, int], now: dict[int, int], blocked: set[int], ladder: Sequence[int]) -> list[str]:
    lines = []
    if sum(now.values()) != 100:
        lines.append(f"the weights {now} do not sum to 100")
    lines += [f"version {one} is blocked and has {now[one]} %" for one in sorted(blocked) if now.get(one)]
    rising = {one: weight for one, weight in now.items() if before and weight > before.get(one, 0)}
    falling = {one for one in before if before[one] > now.get(one, 0)}
    for one, weight in rising.items():
        takes_back = any(other in blocked for other in falling)
        step = ladder[ladder.index(before.get(one, 0)) + 1] if before.get(one, 0) in ladder[:-1] else 100
        if weight != step and not takes_back and one != max(before, key=lambda other: before[other]):
            lines.append(f"version {one} goes from {before.get(one, 0)} to {weight} %, and the next step is {step} %")
    return lines


def _weights(route: dict[str, Any]) -> dict[int, int]:
    found: dict[int, int] = {}
    for backend in route["spec"]["rules"][0].get("backendRefs", ()):
        version = BACKEND.search(backend["name"])
        assert version, f"a backend {backend['name']}"
        if backend.get("weight", 1):
            found[int(version[1])] = backend.get("weight", 1)
    return found


def _empties(write: Write, body: dict[str, Any]) -> bool:
    return write.method == "DELETE" or body.get("spec", {}).get("replicas") == 0
