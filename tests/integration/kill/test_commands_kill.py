"""The operator is killed before and after each write of a rollout that commands let go on, and then take back."""

from typing import Any

import pytest
from tests.integration.harness.api import Object, until
from tests.integration.kill.case import PATIENCE, Case, Life, World
from tests.integration.kill.objects import DEPLOYMENT, deployment
from tests.integration.kill.rollout import STEPS, edit, falls_back, serves, status_of, three_versions
from tests.integration.kill.sweep import sweep

from recsys_operator.api.kinds import DEPLOYMENTS

UNTIL_PROMOTED: list[Object] = [{"weight": 10}, {"pause": {}}, {"weight": 50}, {"pause": {}}]


async def prepare(case: Case) -> None:
    """Version 1 serves before the life begins."""
    await three_versions(case)
    await case.api.create(DEPLOYMENTS, deployment(case.namespace, STEPS))
    await serves(case, 1)


async def command(case: Case, name: str, argument: str) -> None:
    """A user annotates the Deployment and waits until that was carried out."""
    metadata = {"annotations": {f"recsys.dev/{name}": argument}}
    await case.api.patch(DEPLOYMENTS, case.namespace, DEPLOYMENT, {"metadata": metadata})

    async def done() -> bool:
        commands: list[dict[str, Any]] = (await status_of(case)).get("commands", [])
        return any((one["command"], one["argument"], one["outcome"]) == (name, argument, "Done") for one in commands)

    await until(f"{name} {argument}", done, PATIENCE)


async def waits_at(case: Case, weight: int) -> None:
    """Wait until the canary waits for a promote at this weight."""

    async def check() -> bool:
        status = await status_of(case)
        reasons = {one["reason"] for one in status.get("conditions", ())}
        return "AwaitingPromotion" in reasons and status.get("canary", {}).get("weight") == weight

    await until(f"{weight} % until promoted", check, PATIENCE)


@pytest.mark.full
@pytest.mark.timeout(1800)
async def test_promoted_once_and_then_aborted(world: World) -> None:
    """Each annotation is carried out once, wherever the operator was killed."""

    async def live(case: Case) -> None:
        await edit(case, version={"pin": 2}, strategy={"canary": {"steps": UNTIL_PROMOTED}})
        await waits_at(case, 10)
        await command(case, "promote", "v2/1")
        await waits_at(case, 50)
        await command(case, "abort", "v2/1")
        await falls_back(case, 2)
        status = await status_of(case)
        assert [(one["to"], one["verdict"]) for one in status["history"]] == [(1, "Promoted"), (2, "Aborted")]

    await sweep(world, Life("commands", prepare, live))
