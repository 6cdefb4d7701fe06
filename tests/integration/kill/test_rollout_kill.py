"""The operator is killed before and after each write of a rollout's life: deploy, promote, roll back by an alert."""

import pytest
from tests.integration.kill.case import Case, Life, World
from tests.integration.kill.objects import deployment
from tests.integration.kill.rollout import (
    HOLD,
    STEPS,
    alert,
    canary,
    edit,
    falls_back,
    has_ten_percent,
    serves,
    three_versions,
)
from tests.integration.kill.sweep import sweep

from recsys_operator.api.kinds import DEPLOYMENTS


async def live(case: Case) -> None:
    """Deploy 1, promote 2 by canary, roll 3 back by an alert."""
    await case.api.create(DEPLOYMENTS, deployment(case.namespace, STEPS))
    await serves(case, 1)
    await edit(case, version={"pin": 2})
    await serves(case, 2)
    await edit(case, **canary(3, HOLD))
    await has_ten_percent(case, 3)
    await alert(case, 3)
    await falls_back(case, 3)


@pytest.mark.timeout(1800)
async def test_a_rollout(world: World) -> None:
    """… ends with the same status, route, pods and history, wherever the operator was killed.

    `make test-full` makes every cut.
    """
    await sweep(world, Life("rollout", three_versions, live), quick=True)


@pytest.mark.full
@pytest.mark.timeout(1800)
async def test_a_rollout_cut_everywhere(world: World) -> None:
    """The same, before and after all writes."""
    await sweep(world, Life("rollout-all", three_versions, live))
