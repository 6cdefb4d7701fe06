"""Canaries that are measured by the real operator process: regression takes them back, missing evidence holds them."""

from typing import Any

from tests.integration.analysis.conftest import Market
from tests.integration.harness.api import Object, until

SECOND: Object = {"intervalSeconds": 1}
RATE: Object = {
    "name": "success",
    "builtIn": "SuccessRate",
    "min": "0.95",
    "minSamples": 50,
    "failureLimit": 0,
    **SECOND,
}
QUERY: Object = {
    "name": "orders",
    "prometheus": {"query": 'orders{namespace="{{namespace}}",version="{{version}}"}[{{interval}}]'},
    "min": "0.5",
    "failureLimit": 0,
    **SECOND,
}


def step(metric: Object, **analysis: Any) -> list[Object]:
    """Ten percent, then this analysis, then everything."""
    return [{"weight": 10}, {"analysis": {"durationSeconds": 2, "metrics": [metric], **analysis}}]


async def until_phase(market: Market, name: str, phase: str) -> dict[str, Any]:
    async def check() -> dict[str, Any] | None:
        found = await market.metric(name)
        return found if found.get("phase") == phase else None

    found: dict[str, Any] = await until(f"{name} {phase}", check, 60)
    return found


async def until_said(market: Market, name: str, said: str) -> dict[str, Any]:
    async def check() -> dict[str, Any] | None:
        found = await market.metric(name)
        return found if said in found.get("message", "") else None

    found: dict[str, Any] = await until(f"{name} says {said!r}", check, 60)
    return found


async def ended(market: Market, version: int) -> dict[str, Any]:
    """The history's last entry, once it is about this version."""

    async def last() -> dict[str, Any] | None:
        history = (await market.shop.status()).get("history", ())
        return history[-1] if history and history[-1]["to"] == version else None

    found: dict[str, Any] = await until(f"the end of version {version}", last, 60)
    return found


async def test_a_canary_is_held_while_its_pods_prove_nothing_and_promoted_when_they_prove_it_good(
    market: Market,
) -> None:
    market.fleet.of(2).answers = False
    market.fleet.of(2).requests = 0
    await market.try_out(2, step(RATE))
    await until_said(market, "success", "500")
    assert await market.shop.weights() == {1: 90, 2: 10}
    market.fleet.of(2).answers = True
    await until_said(market, "success", "samples")
    assert await market.shop.weights() == {1: 90, 2: 10}
    market.fleet.of(2).requests = 100
    assert (await ended(market, 2))["verdict"] == "Promoted"


async def test_canaries_that_are_worse_are_taken_back_and_blocked_from_a_step_and_from_the_background(
    market: Market,
) -> None:
    market.fleet.of(2).errors = 20
    await market.try_out(2, step(RATE))
    found = await ended(market, 2)
    assert (found["verdict"], found["cause"]) == ("RolledBack", "Analysis")
    assert "success" in found["message"]
    await market.until_weights({1: 100})

    await market.try_out(3, [{"weight": 10}, {"pause": {"durationSeconds": 600}}], analysis={"metrics": [RATE]})
    await until_phase(market, "success", "Passed")
    assert await market.shop.weights() == {1: 90, 3: 10}
    market.fleet.of(3).errors = 50
    assert (await ended(market, 3))["cause"] == "Analysis"
    blocked = (await market.shop.status())["blocked"]
    assert [(one["version"], one.get("revision")) for one in blocked] == [(2, None), (3, None)]


NO_EVIDENCE: list[tuple[int, Any, str]] = [
    (503, {"status": "error", "errorType": "unavailable", "error": "starting"}, "503"),
    (400, {"status": "error", "errorType": "bad_data", "error": "unexpected character"}, "unexpected character"),
    (200, {"hello": "world"}, "address of a Prometheus"),
    (200, {"status": "success", "data": {"resultType": "vector", "result": []}}, "nothing"),
    (200, {"status": "success", "data": {"resultType": "scalar", "result": [0, "NaN"]}}, "not a number"),
]


async def test_what_prometheus_does_not_know_holds_a_canary_and_a_bad_value_takes_it_back(market: Market) -> None:
    market.others.prometheus = NO_EVIDENCE[0][:2]
    await market.try_out(2, step(QUERY))
    for status, document, said in NO_EVIDENCE:
        market.others.prometheus = (status, document)
        await until_said(market, "orders", said)
    market.others.says("0.1", "0.2")
    await until_said(market, "orders", "several series")
    assert await market.shop.weights() == {1: 90, 2: 10}
    market.others.says("0.1")
    assert (await ended(market, 2))["cause"] == "Analysis"
    expected = f'orders{{namespace="{market.shop.namespace}",version="2"}}[1s]'
    assert set(market.others.queries) == {expected}


async def test_a_gate_holds_a_canary_until_it_says_yes(market: Market) -> None:
    gate = {"name": "desk", "webhook": {"url": f"{market.others.address}/gate"}, **SECOND}
    await market.try_out(2, step(gate))
    await until_said(market, "desk", "nobody has looked yet")
    assert await market.shop.weights() == {1: 90, 2: 10}
    told = market.others.posts[-1]
    assert (told["namespace"], told["deployment"]) == (market.shop.namespace, "movies")
    assert (told["version"], told["stableVersion"], told["weight"], told["step"]) == (2, 1, 10, 1)
    market.others.gate = (200, {"message": "by Ada"})
    assert (await ended(market, 2))["verdict"] == "Promoted"


async def test_an_alert_does_not_wait_for_a_query_that_is_not_answered(market: Market) -> None:
    market.others.most = 0
    await market.try_out(2, step(QUERY))

    async def asked() -> bool:
        return bool(market.others.waiting)

    await until("the query", asked, 60)
    # Had the alert to wait for the query, which has ten seconds, it would be answered 503 after five.
    answer = await market.shop.post(market.shop.alert(2))
    assert (answer.status, answer.outcomes) == (200, ["RolledBack"])
    await market.until_weights({1: 100})
    assert market.others.answered == 0


async def test_a_bad_look_counts_after_the_operator_was_killed(market: Market) -> None:
    market.others.says("0.1")
    market.others.most = 1
    await market.try_out(2, step({**QUERY, "failureLimit": 1}))

    async def counted() -> bool:
        return (await market.metric("orders")).get("failures") == 1

    await until("the first bad look", counted, 60)
    market.shop.operator.kill()
    market.others.most = 2
    market.shop.operator.start()
    await market.shop.operator.until_ready()
    assert (await ended(market, 2))["cause"] == "Analysis"
