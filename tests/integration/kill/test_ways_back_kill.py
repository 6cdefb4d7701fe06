"""The operator is killed before and after each write while an alert on stable brings the version before it back."""

from typing import Any

import pytest
from tests.integration.kill.case import Case, Life, Step, World
from tests.integration.kill.objects import deployment
from tests.integration.kill.rollout import (
    STEPS,
    alert,
    edit,
    falls_back,
    serves,
    status_of,
    three_versions,
    until_promoted,
)
from tests.integration.kill.sweep import sweep

from recsys_operator.api.kinds import DEPLOYMENTS

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]


def serving(**spec: Any) -> Step:
    """Three versions, the first of which serves before the life begins."""

    async def prepare(case: Case) -> None:
        await three_versions(case)
        await case.api.create(DEPLOYMENTS, deployment(case.namespace, STEPS, **spec))
        await serves(case, 1)

    return prepare


async def verdicts(case: Case) -> list[tuple[int, str]]:
    """What the history says: to which version, and how it ended."""
    return [(entry["to"], entry["verdict"]) for entry in (await status_of(case))["history"]]


async def test_a_warm_revert(world: World) -> None:
    """Version 2 is promoted at once, and an alert brings back version 1, whose pods are still there."""

    async def live(case: Case) -> None:
        await edit(case, version={"pin": 2}, strategy=None)
        await until_promoted(case, 2)
        assert (await status_of(case))["previous"]["version"] == 1
        await alert(case, 2)
        await falls_back(case, 2)
        assert await verdicts(case) == [(1, "Promoted"), (2, "Promoted"), (1, "Reverted")]

    await sweep(world, Life("warm", serving(rollback={"warmSeconds": 3600}), live))


async def test_a_cold_revert(world: World) -> None:
    """The pods of version 1 are gone when an alert on version 2 makes it start again."""
    prepare = serving(rollback={"warmSeconds": 0})

    async def promoted(case: Case) -> None:
        await prepare(case)
        await edit(case, version={"pin": 2}, strategy=None)
        await serves(case, 2)

    async def live(case: Case) -> None:
        await alert(case, 2)
        await falls_back(case, 2)
        assert await verdicts(case) == [(1, "Promoted"), (2, "Promoted"), (1, "Reverted")]

    await sweep(world, Life("cold", promoted, live))
