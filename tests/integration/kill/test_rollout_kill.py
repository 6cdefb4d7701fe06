"""The operator is killed before and after each write of a rollout's life: deploy, promote, roll back by an alert."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.integration.harness.api import Object, until
from tests.integration.kill.case import Case, Life, World, condition
from tests.integration.kill.objects import DEPLOYMENT, MODEL, deployment, finished, recmodel, trainingrun
from tests.integration.kill.sweep import sweep

from recsys_operator.api.kinds import DEPLOYMENTS, HTTPROUTES, RECMODELS, TRAININGRUNS, WORKLOADS

STEPS: list[Object] = [
    {"weight": 10},
    {"pause": {"durationSeconds": 1}},
    {"weight": 50},
    {"pause": {"durationSeconds": 1}},
]
VERSIONS = (1, 2, 3)
UNTIL_THE_ALERT: list[Object] = [{"weight": 10}, {"pause": {"durationSeconds": 600}}]


async def three_versions(case: Case) -> None:
    """A RecModel whose three runs have ended, as a backup that was restored: the runs' own lives are another test."""
    await case.api.create(RECMODELS, recmodel(case.namespace))
    for number in VERSIONS:
        run = await case.api.create(TRAININGRUNS, trainingrun(case.namespace, f"run-{number}"))
        for manager, status in finished(run, number).items():
            await case.api.apply_status(TRAININGRUNS, case.namespace, run["metadata"]["name"], status, manager=manager)

    async def listed() -> bool:
        model = await case.api.get(RECMODELS, case.namespace, MODEL)
        return len((model or {}).get("status", {}).get("versions", ())) == len(VERSIONS)

    await until("three versions", listed, 60)


async def status_of(case: Case) -> dict[str, Any]:
    """The Deployment's status."""
    found = await case.api.get(DEPLOYMENTS, case.namespace, DEPLOYMENT)
    status: dict[str, Any] = (found or {}).get("status", {})
    return status


async def serves(case: Case, version: int) -> None:
    """Wait until this version alone serves, and nothing of another one is left."""

    async def check() -> bool:
        found = await case.api.get(DEPLOYMENTS, case.namespace, DEPLOYMENT)
        status = (found or {}).get("status", {})
        alone = status.get("stable", {}).get("version") == version and not {"canary", "previous"} & status.keys()
        workloads = await case.api.list(WORKLOADS, case.namespace)
        return alone and condition(found, "Ready").get("status") == "True" and len(workloads) == 1

    await until(f"version {version} alone", check, 60)


async def canary_has_ten_percent(case: Case) -> None:
    """Wait until the route that the gateway accepted gives version 3 ten percent."""

    async def check() -> bool:
        route = await case.api.get(HTTPROUTES, case.namespace, DEPLOYMENT)
        rule = (route or {"spec": {"rules": [{}]}})["spec"]["rules"][0]
        weights = {ref["name"]: ref.get("weight", 1) for ref in rule.get("backendRefs", ())}
        return any("-v3-" in name and weight == 10 for name, weight in weights.items()) and (
            (await status_of(case)).get("canary", {}).get("firstWeightTime") is not None
        )

    await until("ten percent for version 3", check, 60)


async def alert(case: Case) -> None:
    """Post as Alertmanager does: again, until the answer is 2xx."""
    firing: dict[str, object] = {
        "status": "firing",
        "labels": {
            "alertname": "RecsysLatency",
            "namespace": case.namespace,
            "deployment": DEPLOYMENT,
            "version": "3",
            "severity": "critical",
        },
        "annotations": {"summary": "p99 is over three times that of stable"},
        "startsAt": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "fingerprint": "c0ffee",
    }

    async def posted() -> bool:
        return 200 <= await case.operator.post_alert(firing) < 300

    await until("a 2xx for the alert", posted, 60, every=0.2)


async def live(case: Case) -> None:
    """Deploy 1, promote 2 by canary, roll 3 back by an alert."""
    await case.api.create(DEPLOYMENTS, deployment(case.namespace, STEPS))
    await serves(case, 1)
    await case.api.patch(DEPLOYMENTS, case.namespace, DEPLOYMENT, {"spec": {"version": {"pin": 2}}})
    await serves(case, 2)
    steps = {"version": {"pin": 3}, "strategy": {"canary": {"steps": UNTIL_THE_ALERT}}}
    await case.api.patch(DEPLOYMENTS, case.namespace, DEPLOYMENT, {"spec": steps})
    await canary_has_ten_percent(case)
    await alert(case)

    async def rolled_back() -> bool:
        status = await status_of(case)
        workloads = await case.api.list(WORKLOADS, case.namespace)
        blocked = [block["version"] for block in status.get("blocked", ())]
        return blocked == [3] and "canary" not in status and len(workloads) == 1

    await until("version 3 rolled back", rolled_back, 60)


@pytest.mark.timeout(1800)
async def test_a_rollout(world: World) -> None:
    """… ends with the same status, route, pods and history, wherever the operator was killed."""
    await sweep(world, Life("rollout", three_versions, live), events=False)


@pytest.mark.full
@pytest.mark.timeout(1800)
async def test_a_rollout_cut_at_events_too(world: World) -> None:
    """The same, with all writes."""
    await sweep(world, Life("rollout-all", three_versions, live))
