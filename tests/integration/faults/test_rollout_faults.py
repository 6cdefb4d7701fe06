"""A rollout whose writes the API server refuses, or whose connections break: the same end, by right weights."""

from collections.abc import Callable

import pytest
from tests.integration.faults.disturb import STEPS, broken_watches, first_of_each, sweep, wrong
from tests.integration.faults.weights import wrong_weights
from tests.integration.harness.proxy import When
from tests.integration.kill.case import Case, Life, World, run
from tests.integration.kill.rollout import three_versions
from tests.integration.kill.test_rollout_kill import live

REFUSALS = (409, 410, 422, 429, 500)


@pytest.mark.timeout(600)
async def test_each_kind_of_write_suffers_once(world: World) -> None:
    """Refused with 409, 410, 422, 429, 500 or cut off before or after it was done; and all watches break with it."""
    life = Life("faults", three_versions, live)
    undisturbed = await run(world, life)
    assert wrong_weights(undisturbed.accepted, STEPS) == []
    disturb = first_of_each((*REFUSALS, "before", "after"), watches=True)
    assert wrong(undisturbed, await run(world, life, None, undisturbed.objects, disturb)) == []


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("fault", [*REFUSALS, "before", "after"])
async def test_each_write_suffers_alone(world: World, fault: int | When) -> None:
    """`before` and `after`: its connection breaks before or after the API server has done it."""
    await sweep(world, Life(f"fault-{fault}", three_versions, live), fault)


@pytest.mark.full
@pytest.mark.timeout(1800)
async def test_the_watches_break_at_each_write(world: World) -> None:
    """… by turns with a broken connection and with 410."""
    breaks: Callable[[Case], None] = broken_watches
    await sweep(world, Life("watches", three_versions, live), breaks)
