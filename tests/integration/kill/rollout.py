"""What users, gateway and Alertmanager do to one Deployment, and what is waited for then."""

from datetime import UTC, datetime
from typing import Any

from tests.integration.harness.api import Object, until
from tests.integration.kill.case import PATIENCE, Case, condition
from tests.integration.kill.objects import DEPLOYMENT, MODEL, finished, recmodel, trainingrun

from recsys_operator.api.kinds import DEPLOYMENTS, HTTPROUTES, RECMODELS, TRAININGRUNS, WORKLOADS

VERSIONS = (1, 2, 3)
STEPS: list[Object] = [
    {"weight": 10},
    {"pause": {"durationSeconds": 1}},
    {"weight": 50},
    {"pause": {"durationSeconds": 1}},
]
"""A canary that is soon promoted."""
HOLD: list[Object] = [{"weight": 10}, {"pause": {"durationSeconds": 600}}]
"""A canary that stays at ten percent."""


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

    await until("three versions", listed, PATIENCE)


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

    await until(f"version {version} alone", check, PATIENCE)


async def until_promoted(case: Case, version: int) -> None:
    """Wait until this version is stable and ready, whether or not the one before is still warm."""

    async def check() -> bool:
        found = await case.api.get(DEPLOYMENTS, case.namespace, DEPLOYMENT)
        status = (found or {}).get("status", {})
        done = status.get("stable", {}).get("version") == version and "canary" not in status
        return done and condition(found, "Ready").get("reason") == "Serving"

    await until(f"version {version} promoted", check, PATIENCE)


async def has_ten_percent(case: Case, version: int) -> None:
    """Wait until the route that the gateway accepted gives this version ten percent."""

    async def check() -> bool:
        route = await case.api.get(HTTPROUTES, case.namespace, DEPLOYMENT)
        rule = (route or {"spec": {"rules": [{}]}})["spec"]["rules"][0]
        weights = {ref["name"]: ref.get("weight", 1) for ref in rule.get("backendRefs", ())}
        return any(f"-v{version}-" in name and weight == 10 for name, weight in weights.items()) and (
            (await status_of(case)).get("canary", {}).get("firstWeightTime") is not None
        )

    await until(f"ten percent for version {version}", check, PATIENCE)


async def edit(case: Case, *, unblock: str | None = None, **spec: Any) -> None:
    """A user edits the Deployment, and may annotate it in the same write."""
    metadata = {"annotations": {"recsys.dev/unblock": unblock}} if unblock else {}
    await case.api.patch(DEPLOYMENTS, case.namespace, DEPLOYMENT, {"metadata": metadata, "spec": spec})


def canary(version: int, steps: list[Object]) -> Object:
    """The part of a spec that has a version tried out in these steps."""
    return {"version": {"pin": version}, "strategy": {"canary": {"steps": steps}}}


async def alert(case: Case, version: int) -> None:
    """Post a critical alert as Alertmanager does: again, until the answer is 2xx."""
    firing: dict[str, object] = {
        "status": "firing",
        "labels": {
            "alertname": "RecsysLatency",
            "namespace": case.namespace,
            "deployment": DEPLOYMENT,
            "version": str(version),
            "severity": "critical",
        },
        "annotations": {"summary": "p99 is over three times that of stable"},
        "startsAt": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "fingerprint": "c0ffee",
    }

    async def posted() -> bool:
        return 200 <= await case.operator.post_alert(firing) < 300

    await until("a 2xx for the alert", posted, PATIENCE, every=0.2)


async def falls_back(case: Case, bad: int) -> None:
    """Wait until this version is blocked, and another one serves alone."""

    async def check() -> bool:
        status = await status_of(case)
        workloads = await case.api.list(WORKLOADS, case.namespace)
        blocked = [block["version"] for block in status.get("blocked", ())]
        serving = status.get("stable", {}).get("version") not in (None, bad)
        return blocked == [bad] and serving and "canary" not in status and len(workloads) == 1

    await until(f"version {bad} taken back", check, PATIENCE)
