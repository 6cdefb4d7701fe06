"""Commands, and a canary whose pods crash, against the real operator and a real API server."""

from typing import Any

from tests.integration.alerts.shop import Shop
from tests.integration.harness.api import until

UNTIL_PROMOTED: list[dict[str, Any]] = [{"weight": 10}, {"pause": {}}, {"weight": 50}, {"pause": {}}]


async def try_out(shop: Shop, version: int) -> None:
    """Have a canary that waits at 10 %."""
    await shop.edit(version={"pin": version}, strategy={"canary": {"steps": UNTIL_PROMOTED}})
    await shop.until_reason("AwaitingPromotion")


async def until_done(shop: Shop, command: str, argument: str) -> None:
    """Wait until a command was carried out."""

    async def check() -> bool:
        commands = {one["command"]: one for one in (await shop.status()).get("commands", ())}
        found = commands.get(command, {})
        return bool((found.get("argument"), found.get("outcome")) == (argument, "Done"))

    await until(f"{command} {argument}", check, 60)


async def history(shop: Shop) -> list[tuple[int, str, str]]:
    """How all rollouts ended: to which version, with which verdict and cause."""
    return [(one["to"], one["verdict"], one["cause"]) for one in (await shop.status()).get("history", ())]


async def test_a_life_by_commands(shop: Shop) -> None:
    """Promote, hold, go on, promote in full, undo; all annotations stay, and an operator restart repeats none."""
    await shop.serve(1)
    await try_out(shop, 4)
    await shop.annotate(pause="v4/1")
    await shop.until_reason("Held")
    assert (await shop.status())["canary"]["held"] is True
    await shop.annotate(resume="v4/1")
    await shop.until_reason("AwaitingPromotion")
    await shop.annotate(promote="v4/1")
    await shop.until_weights({1: 50, 4: 50})
    await shop.operator.terminate()
    shop.operator.start()
    await shop.operator.until_ready()
    await shop.annotate(**{"promote-full": "v4/1"})
    await shop.until_reason("Serving")
    assert await shop.weights() == {4: 100}
    await shop.annotate(undo="v4/1")
    await shop.until_weights({1: 100})
    await shop.until_reason("VersionBlocked")
    status = await shop.status()
    assert [(one["version"], one["cause"]) for one in status["blocked"]] == [(4, "UndoneByCommand")]
    assert {one["command"]: one["outcome"] for one in status["commands"]} == dict.fromkeys(
        ("pause", "resume", "promote", "promote-full", "undo"), "Done"
    )
    assert await history(shop) == [
        (1, "Promoted", "InitialDeployment"),
        (4, "Promoted", "StepsSkipped"),
        (1, "Reverted", "UndoneByCommand"),
    ]


async def test_abort_and_retry(shop: Shop) -> None:
    """An aborted version stays out until retried; a command about another version is ignored, with an event."""
    await shop.serve(1)
    await try_out(shop, 4)
    await shop.annotate(abort="v4/1", promote="v2/1")
    await until_done(shop, "abort", "v4/1")
    await shop.until_weights({1: 100})
    await shop.until_reason("VersionBlocked")
    await shop.annotate(retry="v4/1")
    await shop.until_weights({1: 90, 4: 10})
    commands = {one["command"]: one for one in (await shop.status())["commands"]}
    assert (commands["promote"]["outcome"], commands["promote"]["message"]) == (
        "Ignored",
        "Version 2 is not being tried (version 4 is).",
    )

    async def told() -> bool:
        return {"CommandIgnored", "Aborted", "Unblocked"} <= set(await shop.reasons_of_events())

    await until("events", told)


async def test_a_canary_that_crashes_goes_back_by_itself(shop: Shop) -> None:
    """Stable serves on, the revision is blocked with the pod's last words, and other versions may be tried."""
    await shop.serve(1)
    assert shop.players
    shop.players.crashing.add((shop.namespace, 4))
    await shop.edit(version={"pin": 4}, strategy={"canary": {"steps": UNTIL_PROMOTED}})
    await shop.until_reason("VersionBlocked")
    status = await shop.status()
    (block,) = status["blocked"]
    assert (block["version"], block["cause"]) == (4, "PodsFailed")
    assert block["revision"]
    assert "ended 3 times, the last time with exit code 1: out of ideas" in block["message"]
    assert (await history(shop))[-1] == (4, "RolledBack", "PodsFailed")
    assert await shop.weights() == {1: 100}
    await shop.edit(version={"pin": 2})
    await shop.until_weights({1: 90, 2: 10})


async def test_a_canary_that_does_not_become_ready_goes_back_at_its_deadline(shop: Shop) -> None:
    """No pod says why; the time alone is reason enough."""
    await shop.serve(1)
    assert shop.players
    shop.players.silent.add((shop.namespace, 4))
    canary = {"steps": UNTIL_PROMOTED, "progressDeadlineSeconds": 2}
    await shop.edit(version={"pin": 4}, strategy={"canary": canary})
    await shop.until_reason("VersionBlocked")
    assert (await history(shop))[-1] == (4, "RolledBack", "ProgressDeadlineExceeded")
    assert await shop.weights() == {1: 100}
