"""The operator is killed before and after each write of a TrainingRun's life."""

import pytest
from tests.integration.harness.api import until
from tests.integration.kill.case import PATIENCE, Case, Life, World, condition
from tests.integration.kill.objects import MODEL, recmodel, trainingrun
from tests.integration.kill.sweep import sweep

from recsys_operator.api.kinds import RECMODELS, TRAININGRUNS

RUN = "first"


async def _nothing(_: Case) -> None:
    """Even the RecModel's first status is part of the life."""


def life(name: str, dropout: str, reason: str, *, version: bool, workers: int = 1) -> Life:
    """A RecModel and one run of it, to the run's end and to the version's place in the RecModel's status."""

    async def live(case: Case) -> None:
        await case.api.create(RECMODELS, recmodel(case.namespace))
        await case.api.create(TRAININGRUNS, trainingrun(case.namespace, RUN, dropout, workers))

        async def ended() -> str | None:
            run = await case.api.get(TRAININGRUNS, case.namespace, RUN)
            found = condition(run, "Succeeded")
            return found.get("reason") if found.get("status") in ("True", "False") else None

        async def listed() -> bool:
            model = await case.api.get(RECMODELS, case.namespace, MODEL)
            return len((model or {}).get("status", {}).get("versions", ())) == int(version)

        assert await until(f"the end of run {RUN}", ended, PATIENCE) == reason
        await until("the version's place in the RecModel's status", listed, PATIENCE)

    return Life(name, _nothing, live)


@pytest.mark.timeout(900)
async def test_a_run_that_passes_its_gates(world: World) -> None:
    """… becomes the same version, by one Job, wherever the operator was killed. `make test-full` makes every cut."""
    await sweep(world, life("passes", "0.2", "VersionCreated", version=True), quick=True)


@pytest.mark.full
@pytest.mark.timeout(900)
async def test_a_run_that_passes_its_gates_cut_everywhere(world: World) -> None:
    """The same, before and after all writes."""
    await sweep(world, life("passes-all", "0.2", "VersionCreated", version=True))


@pytest.mark.full
@pytest.mark.timeout(900)
async def test_a_run_that_fails_its_gates(world: World) -> None:
    """… becomes the same version that can never be deployed."""
    await sweep(world, life("fails", "0.85", "GatesFailed", version=True))


@pytest.mark.full
@pytest.mark.timeout(900)
async def test_a_run_whose_trainer_gives_up(world: World) -> None:
    """… keeps the same reason."""
    await sweep(world, life("gives-up", "0.86", "InvalidData", version=False))


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("name", "dropout", "reason", "version"),
    [("several", "0.2", "VersionCreated", True), ("several-no", "0.86", "InvalidData", False)],
)
async def test_a_run_with_several_workers(world: World, name: str, dropout: str, reason: str, version: bool) -> None:
    """… comes to the same end by one RayJob."""
    await sweep(world, life(name, dropout, reason, version=version, workers=2))


@pytest.mark.full
@pytest.mark.timeout(1800)
async def test_a_run_with_several_workers_whose_first_attempt_fails(world: World) -> None:
    """… becomes the same version by exactly two RayJobs, the first of which says how it failed."""
    await sweep(world, life("stumbles", "0.87", "VersionCreated", version=True, workers=2), attempts=2)
