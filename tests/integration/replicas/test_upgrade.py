"""Another release of the operator takes over in the middle of a rollout, and the one before comes back."""

import shutil
from pathlib import Path

import pytest
from tests.integration.harness.api import Object, until
from tests.integration.harness.binaries import ROOT
from tests.integration.harness.operator import SERVER_IMAGE
from tests.integration.harness.snapshot import differences
from tests.integration.kill.case import PATIENCE, Case, World
from tests.integration.kill.objects import deployment
from tests.integration.kill.rollout import (
    HOLD,
    STEPS,
    canary,
    edit,
    has_ten_percent,
    serves,
    status_of,
    three_versions,
    until_promoted,
)
from tests.integration.replicas.pair import pair

from recsys_operator.api.kinds import DEPLOYMENTS, WORKLOADS

NEXT_IMAGE = "localhost/recsys-server:next"
RENDERED = "GRACE_SECONDS = 30"
RENDERED_NEXT = "GRACE_SECONDS = 45"


def next_release(directory: Path) -> str:
    """A release that renders other pods: its source root."""
    package = directory / "next" / "recsys_operator"
    shutil.copytree(ROOT / "operator" / "recsys_operator", package, ignore=shutil.ignore_patterns("__pycache__"))
    module = package / "build" / "server_workload.py"
    text = module.read_text()
    assert RENDERED in text, f"{module.name} has no line {RENDERED!r} any more: render another difference"
    module.write_text(text.replace(RENDERED, RENDERED_NEXT))
    return str(package.parent)


async def running(one: Case) -> Object:
    """What the pods of each workload are made from."""
    found = await one.api.list(WORKLOADS, one.namespace)
    return {each["metadata"]["name"]: {"uid": each["metadata"]["uid"], "spec": each["spec"]} for each in found}


async def hand_over(leader: Case, other: Case) -> None:
    """The one gets SIGTERM and is started anew; the other one leads, and has done what it wants to do."""
    assert await leader.operator.terminate() == 0
    await other.operator.until_ready()
    leader.operator.start()
    await leader.operator.until_standing_by()
    await other.quiet()


async def pod_of(one: Case, version: int) -> tuple[str, int]:
    """Image and grace period of a version's pods."""
    (workload,) = [
        each
        for each in await one.api.list(WORKLOADS, one.namespace)
        if each["metadata"]["labels"]["recsys.dev/version"] == str(version)
    ]
    spec: Object = workload["spec"]["template"]["spec"]
    return spec["containers"][0]["image"], spec["terminationGracePeriodSeconds"]


async def has_half(one: Case) -> None:
    """Wait until the canary's second weight counts."""

    async def check() -> bool:
        return (await status_of(one)).get("canary", {}).get("weight") == 50

    await until("50 % for the canary", check, PATIENCE)


async def test_there_and_back_in_the_middle_of_a_rollout(world: World, tmp_path: Path) -> None:
    """No pod is made anew, the rollout goes on under each of them."""
    variables = {"PYTHONPATH": next_release(tmp_path), "RECSYS_SERVER_IMAGE": NEXT_IMAGE}
    async with pair(world, "upgrade", **variables) as (old, new):
        await three_versions(old)
        await old.api.create(DEPLOYMENTS, deployment(old.namespace, STEPS))
        await serves(old, 1)
        await edit(old, **canary(2, HOLD))
        await has_ten_percent(old, 2)
        await old.quiet()
        before = await running(old)
        await hand_over(old, new)
        await edit(new, **canary(2, [{"weight": 10}, {"weight": 50}, *HOLD[1:]]))
        await has_half(new)
        assert differences(before, await running(new)) == []
        await hand_over(new, old)
        await edit(old, **canary(2, STEPS))
        await until_promoted(old, 2)
        assert (await running(old)).items() <= before.items()


@pytest.mark.full
async def test_a_revision_of_the_next_release_survives_the_way_back(world: World, tmp_path: Path) -> None:
    """The release before promotes a version whose pods it would render otherwise, as they are."""
    variables = {"PYTHONPATH": next_release(tmp_path), "RECSYS_SERVER_IMAGE": NEXT_IMAGE}
    async with pair(world, "downgrade", **variables) as (old, new):
        await three_versions(old)
        await old.api.create(DEPLOYMENTS, deployment(old.namespace, STEPS))
        await serves(old, 1)
        await hand_over(old, new)
        await edit(new, **canary(2, HOLD))
        await has_ten_percent(new, 2)
        await new.quiet()
        before = await running(new)
        await hand_over(new, old)
        assert differences(before, await running(old)) == []
        assert (await pod_of(old, 1), await pod_of(old, 2)) == ((SERVER_IMAGE, 30), (NEXT_IMAGE, 45))
        await edit(old, **canary(2, STEPS))
        await serves(old, 2)
        assert (await running(old)).items() <= before.items()
        await edit(old, **canary(3, HOLD))
        await has_ten_percent(old, 3)
        assert await pod_of(old, 3) == (SERVER_IMAGE, 30)
