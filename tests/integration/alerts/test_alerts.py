"""Alerts against the real operator and a real API server."""

import asyncio
import sys

from tests.integration.alerts.shop import Answer, Shop
from tests.integration.harness.api import until
from tests.integration.kill.objects import DEPLOYMENT

from recsys_operator.api.kinds import DEPLOYMENTS


async def rolled_back(shop: Shop, version: int) -> None:
    """Wait until nothing of a version is left but its block."""

    async def check() -> object:
        status = await shop.status()
        return "canary" not in status and version not in await shop.versions_with_pods()

    await until(f"version {version} gone", check, 60)


async def test_the_same_alert_ten_times(shop: Shop) -> None:
    """One rollback, whoever sends how often; the answer comes when the weight is gone."""
    await shop.serve(1)
    await shop.try_out(4, stable=1)
    alert = shop.alert(4)
    first = await shop.post(alert)
    assert (first.status, first.outcomes) == (200, ["RolledBack"])
    assert await shop.weights() == {1: 100}
    print(f"\nalert → weight 0 and answer: {first.seconds * 1000:.0f} ms", file=sys.stderr)
    answers = await asyncio.gather(*(shop.post(alert) for _ in range(9)))
    assert [(answer.status, answer.outcomes) for answer in answers] == [(200, ["Duplicate"])] * 9
    await rolled_back(shop, 4)
    status = await shop.status()
    assert [(one["version"], one["cause"]) for one in status["blocked"]] == [(4, "Alert")]
    assert [(one["to"], one["verdict"]) for one in status["history"]] == [(1, "Promoted"), (4, "RolledBack")]
    assert "p99 is over three times" in status["history"][-1]["message"]
    assert len(status["alerts"]) == 1

    async def told() -> object:
        reasons = await shop.reasons_of_events()
        return reasons if {"RolledBack", "VersionBlocked"} <= set(reasons) else None

    assert (await until("events", told)).count("RolledBack") == 1
    metrics = await shop.operator.metrics()
    labels = f'cause="Alert",deployment="{DEPLOYMENT}",namespace="{shop.namespace}"'
    assert f"recsys_rollbacks_total{{{labels}}} 1.0" in metrics


async def test_a_blocked_version_stays_out_until_it_is_unblocked(shop: Shop) -> None:
    """Neither an annotation, nor an operator restart, nor pin 4 → 2 → 4 tries it again; unblock does, once."""
    await shop.serve(1)
    await shop.try_out(4, stable=1)
    alert = shop.alert(4)
    await shop.post(alert)
    await rolled_back(shop, 4)
    await shop.annotate(touched="1")
    await shop.operator.terminate()
    shop.operator.start()
    await shop.until_reason("VersionBlocked")
    await shop.try_out(2, stable=1)
    await shop.edit(version={"pin": 4})
    await rolled_back(shop, 2)
    await shop.until_reason("VersionBlocked")
    assert await shop.weights() == {1: 100}
    await shop.annotate(unblock="v4/one")
    await shop.until_weights({1: 90, 4: 10})
    assert (await shop.post(alert)).outcomes == ["Duplicate"]
    assert await shop.weights() == {1: 90, 4: 10}
    assert (await shop.post(shop.alert(4))).outcomes == ["RolledBack"]
    await rolled_back(shop, 4)
    assert (await shop.status())["lastCommand"]["argument"] == "v4/one"


async def test_a_re_sent_alert_of_an_older_version(shop: Shop) -> None:
    """It says nothing of what serves now, and changes nothing."""
    await shop.serve(1)
    await shop.promote(2)
    await shop.promote(4)
    before = await shop.api.get(DEPLOYMENTS, shop.namespace, DEPLOYMENT)
    answer = await shop.post(shop.alert(1), shop.alert(2), shop.alert(2, "warning"))
    assert (answer.status, answer.outcomes) == (200, ["Ignored"] * 3)
    after = await shop.api.get(DEPLOYMENTS, shop.namespace, DEPLOYMENT)
    assert before
    assert after
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    assert await shop.weights() == {4: 100}


async def test_an_alert_without_a_version(shop: Shop) -> None:
    """It is the canary's when it began after the canary's first request, else it only freezes the weight."""
    await shop.serve(1)
    assert (await shop.post(shop.alert(None))).outcomes == ["Frozen"]
    assert await shop.weights() == {1: 100}
    resolved = {**shop.alert(None), "status": "resolved"}
    assert (await shop.post(resolved)).outcomes == ["Ignored"]
    frozen = (await shop.status())["alerts"][0]
    resolved = {**resolved, "fingerprint": frozen["fingerprint"], "startsAt": frozen["startsAt"]}
    assert (await shop.post(resolved)).outcomes == ["Resolved"]
    await shop.try_out(4, stable=1)
    old = {"startsAt": "2026-01-01T00:00:00Z"}
    assert (await shop.post({**shop.alert(None), **old})).outcomes == ["Frozen"]
    assert await shop.weights() == {1: 90, 4: 10}
    assert await shop.reason() == "Frozen"
    assert (await shop.post(shop.alert(None))).outcomes == ["RolledBack"]
    assert await shop.weights() == {1: 100}


async def test_on_stable_with_a_predecessor(shop: Shop) -> None:
    """The warm previous version is back with the answer; the bad one's pods go after that."""
    await shop.serve(1)
    await shop.promote(4)
    assert await shop.versions_with_pods() == {1, 4}
    answer = await shop.post(shop.alert(4))
    assert (answer.status, answer.outcomes) == (200, ["Reverted"])
    assert await shop.weights() == {1: 100}
    print(f"\nalert → reverted and answer: {answer.seconds * 1000:.0f} ms", file=sys.stderr)

    async def alone() -> object:
        return await shop.versions_with_pods() == {1}

    await until("version 1 alone", alone, 30)
    status = await shop.status()
    assert [(one.get("from"), one["to"], one["verdict"]) for one in status["history"]][-1] == (4, 1, "Reverted")
    assert await shop.reason() == "VersionBlocked"


async def test_on_stable_whose_predecessor_is_cold(shop: Shop) -> None:
    """The last version that served is started again and takes over when it is ready; nothing is lost meanwhile."""
    await shop.serve(1)
    await shop.edit(rollback={"warmSeconds": 0})
    await shop.promote(4)

    async def alone() -> object:
        return await shop.versions_with_pods() == {4}

    await until("version 4 alone", alone, 30)
    answer = await shop.post(shop.alert(4))
    assert (answer.status, answer.outcomes) == (200, ["Reverted"])
    assert await shop.weights() == {4: 100}
    await shop.until_weights({1: 100})
    await shop.until_reason("VersionBlocked")
    status = await shop.status()
    assert [(one.get("from"), one["to"], one["verdict"]) for one in status["history"]][-1] == (4, 1, "Reverted")


async def test_on_stable_without_a_predecessor(shop: Shop) -> None:
    """It goes on serving and says so, until the alert is resolved."""
    await shop.serve(1)
    alert = shop.alert(1)
    assert (await shop.post(alert)).outcomes == ["Degraded"]
    assert await shop.weights() == {1: 100}
    assert await shop.reason() == "Degraded"
    assert "blocked" not in await shop.status() or not (await shop.status())["blocked"]
    assert (await shop.post({**alert, "status": "resolved"})).outcomes == ["Resolved"]
    assert await shop.reason() == "Serving"


async def test_for_a_deployment_that_does_not_exist(shop: Shop) -> None:
    """2xx, or Alertmanager would post it for ever; a namespace that is not watched is not even asked."""
    gone = shop.alert(1)
    gone["labels"]["deployment"] = "gone"
    elsewhere = shop.alert(1)
    elsewhere["labels"]["namespace"] = "default"
    answer = await shop.post(gone, elsewhere)
    assert (answer.status, answer.outcomes) == (200, ["NotFound", "Ignored"])


async def post_until_taken(shop: Shop, alert: dict[str, object], answered: asyncio.Event | None = None) -> list[Answer]:
    """Post again after each 5xx or refused connection, as Alertmanager does; all answers, `answered` at the first."""
    answers: list[Answer] = []

    async def taken() -> bool:
        answers.append(await shop.post(alert))
        if answered:
            answered.set()
        assert answers[-1].status in (0, 200, 503), answers[-1]
        return answers[-1].status == 200

    await until("a 2xx", taken, 60, every=0.1)
    return answers


async def test_during_an_operator_restart(shop: Shop) -> None:
    """Killed or stopped, the alert is acted on once, and a 2xx never comes before that."""
    await shop.serve(1)
    await shop.try_out(4, stable=1)
    alert = shop.alert(4)
    shop.operator.kill()
    answered = asyncio.Event()
    posting = asyncio.create_task(post_until_taken(shop, alert, answered))
    await asyncio.wait_for(answered.wait(), 60)
    shop.operator.start()
    answers = await posting
    assert answers[0].status == 0, "nobody was there"
    assert answers[-1].outcomes == ["RolledBack"]
    assert await shop.weights() == {1: 100}
    await rolled_back(shop, 4)
    await shop.edit(version={"pin": 2})
    await shop.until_weights({1: 90, 2: 10})
    alert = shop.alert(2)
    _, answers = await asyncio.gather(restart(shop), post_until_taken(shop, alert))
    assert answers[-1].outcomes in (["RolledBack"], ["Duplicate"])
    assert await shop.weights() == {1: 100}
    await rolled_back(shop, 2)
    history = [(one["to"], one["verdict"]) for one in (await shop.status())["history"]]
    assert history == [(1, "Promoted"), (4, "RolledBack"), (2, "RolledBack")]


async def restart(shop: Shop) -> None:
    """SIGTERM, and a new process once the old one has ended."""
    code = await shop.operator.terminate()
    assert code == 0
    shop.operator.start()


async def test_ten_thousand_alerts(shop: Shop) -> None:
    """Nothing is lost or refused, the one that matters overtakes the others, memory and status stay small."""
    await shop.serve(1)
    await shop.try_out(4, stable=1)
    before = shop.operator.resident_megabytes()
    same, ignored = shop.alert(1, "warning"), [shop.alert(9) for _ in range(3000)]
    warnings = [shop.alert(1, "warning") for _ in range(2000)]
    flood = [*[same] * 5000, *ignored, *warnings]
    places = asyncio.Semaphore(40)

    async def one(alert: dict[str, object]) -> Answer:
        async with places:
            return await shop.post(alert)

    loop = asyncio.get_running_loop()
    begin = loop.time()
    half = [asyncio.create_task(one(alert)) for alert in flood[0::2]]
    await asyncio.wait(half, return_when=asyncio.FIRST_COMPLETED)
    rest = [asyncio.create_task(one(alert)) for alert in flood[1::2]]
    critical = await shop.post(shop.alert(4))
    ahead = sum(task.done() for task in (*half, *rest))
    assert ahead < len(flood) / 2, f"the critical alert waited for {ahead} of {len(flood)} others"
    assert (critical.status, critical.outcomes) == (200, ["RolledBack"])
    assert await shop.weights() == {1: 100}
    answers = await asyncio.gather(*half, *rest)
    seconds = loop.time() - begin
    assert [answer for answer in answers if answer.status != 200] == []
    await rolled_back(shop, 4)
    status = await shop.status()
    assert len(status["alerts"]) <= 50
    assert [one["version"] for one in status["blocked"]] == [4]
    assert (await shop.operator.health())[0] == 200, await shop.operator.health()
    after = shop.operator.resident_megabytes()
    print(
        f"\n{len(flood)} alerts in {seconds:.1f} s; the critical one among them in {critical.seconds * 1000:.0f} ms; "
        f"memory {before:.0f} → {after:.0f} MB",
        file=sys.stderr,
    )
    assert after < 120
