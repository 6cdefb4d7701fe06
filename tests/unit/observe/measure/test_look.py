"""One look: the pods, Prometheus, a Job and a gate at the same time, and none of them spoils the others."""

import asyncio
import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from tests.unit.observe.cluster import OWNER, Cluster
from tests.unit.observe.measure.conftest import raw, serving, silent
from tests.unit.observe.measure.test_pods import exposition, pod

from recsys_operator.api.analysis import Metric
from recsys_operator.api.kinds import JOBS, PODS, SECRETS, Resource
from recsys_operator.build import labels, names
from recsys_operator.decide.analysis.facts import Answer, Arm, Evidence, Plan, Question
from recsys_operator.observe.measure import look, pods
from recsys_operator.observe.measure.look import Measurer
from recsys_operator.observe.measure.networks import FORBIDDEN

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
GOOD = {"status": "success", "data": {"resultType": "scalar", "result": [1, "0.5"]}}


class Refusal(Exception):
    """As the client raises it."""

    status = 500
    told = "etcd is away"


def question(arm: Arm = "Canary", version: int = 8, **kind: Any) -> Question:
    return Question(
        metric=Metric.model_validate({"name": "gate", "max": "1", **kind}),
        arm=arm, revision="abc", version=version, digest="sha256:1", weight=10, stable_version=7, interval_seconds=30,
        occasion="step-2",
    )  # fmt: skip


def prometheus(**more: Any) -> dict[str, Any]:
    query = "{{namespace}}/{{deployment}} {{version}} {{interval}}"
    return {"prometheus": {"query": query, **more}}


async def measured(
    cluster: Cluster, *questions: Question, address: str = "", guarded: bool = False, read: Any = ()
) -> Evidence:
    measurer = Measurer(cluster, address, FORBIDDEN if guarded else (), lambda: AT)
    try:
        return await measurer.measure(OWNER, "films", Plan(AT, read, questions))
    finally:
        await measurer.close()


async def answered(cluster: Cluster, asked: Question, **more: Any) -> Answer:
    found = await measured(cluster, asked, **more)
    (one,) = found.measurements
    assert (one.metric, one.arm, one.revision, one.at) == ("gate", asked.arm, "abc", AT)
    return one.answer


def of_revision(found: dict[str, Any], revision: str) -> tuple[Resource, dict[str, Any]]:
    found["metadata"]["labels"] = {labels.DEPLOYMENT: OWNER.name, labels.REVISION: revision}
    return PODS, found


async def test_both_arms_are_read_by_their_own_pods() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=exposition())

    async with serving(answer) as address:
        cluster = Cluster(
            of_revision(pod(address, "one"), "abc"),
            of_revision(pod(address, "two"), "old"),
            of_revision(pod(address, "three"), "older"),
        )
        found = await measured(cluster, read=(("Canary", "abc"), ("Stable", "old")))
    assert [(one.arm, one.revision, one.at) for one in found.readings] == [("Canary", "abc", AT), ("Stable", "old", AT)]
    assert [one.uid for reading in found.readings for one in reading.pods] == ["uid-of-one", "uid-of-two"]


async def test_pods_that_cannot_be_listed_are_a_reading_of_none() -> None:
    found = await measured(Cluster(fails={PODS: Refusal()}), read=(("Canary", "abc"),))
    (reading,) = found.readings
    assert reading.pods == ()
    assert reading.missing == ("the pods of revision abc: the API server does not tell: etcd is away",)


async def test_a_query_is_filled_in_and_asked_where_the_operator_says() -> None:
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((await request.post())["query"])
        return web.json_response(GOOD)

    async with serving(answer) as address:
        canary = await answered(Cluster(), question(**prometheus()), address=address, guarded=True)
        await answered(Cluster(), question("Stable", 7, **prometheus()), address=address, guarded=True)
    assert canary == Answer("Value", 0.5)
    assert asked == ["shop/movies 8 30s", "shop/movies 7 30s"]


async def test_an_address_of_the_spec_wins_and_leads_into_no_forbidden_network() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(GOOD)

    async with serving(answer) as address:
        asked = question(**prometheus(address=address))
        assert (await answered(Cluster(), asked, address="http://192.0.2.1")).kind == "Value"
        refused = await answered(Cluster(), asked, guarded=True)
        gate = question(max=None, webhook={"url": address})
        assert (await answered(Cluster(), gate)).kind == "Passed"
        assert (await answered(Cluster(), gate, guarded=True)).kind == "Refused"
    assert refused.kind == "Refused"
    assert "a network that the operator does not connect to" in refused.message


async def test_without_any_address_the_question_is_wrong() -> None:
    found = await answered(Cluster(), question(**prometheus()))
    assert found.kind == "Refused"
    assert "RECSYS_PROMETHEUS_ADDRESS" in found.message


async def test_a_query_with_an_unknown_variable_is_wrong() -> None:
    asked = question(prometheus={"query": "up{pod='{{pod}}'}"})
    found = await answered(Cluster(), asked, address="http://192.0.2.1")
    assert (found.kind, found.value) == ("Refused", None)
    assert "{{pod}}" in found.message


@pytest.mark.parametrize("of", ["prometheus", "webhook"])
async def test_the_token_of_a_secret_is_sent_and_told_to_nobody(of: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response(GOOD, status=200 if request.headers.get("Authorization") == "Bearer t0ken" else 401)

    data = {"token": base64.b64encode(b"t0ken\n").decode(), "old": base64.b64encode(b"0ld").decode()}
    cluster = Cluster((SECRETS, {"metadata": {"name": "tokens", "namespace": "shop"}, "data": data}))
    async with serving(answer) as address:

        async def asked(key: str) -> Answer:
            token = {"name": "tokens", "key": key}
            kind = prometheus(token=token) if of == "prometheus" else {"webhook": {"url": address, "token": token}}
            return await answered(cluster, question(**kind), address=address)

        assert (await asked("token")).kind in ("Value", "Passed")
        wrong, missing = await asked("old"), await asked("none")
    assert wrong.kind == missing.kind == "Refused"
    assert "0ld" not in wrong.message
    assert missing.message == "the Secret shop/tokens has no key none"


async def test_a_secret_that_the_api_server_does_not_tell_may_be_told_later() -> None:
    cluster = Cluster(fails={SECRETS: Refusal()})
    asked = question(webhook={"url": "http://192.0.2.1", "token": {"name": "tokens", "key": "token"}})
    assert await answered(cluster, asked) == Answer(
        "Unavailable", message="the API server does not tell: etcd is away"
    )  # fmt: skip


NAME = names.analysis_job("movies", "gate", "abc", "step-2")
JOB_METRIC: dict[str, Any] = {
    "max": None,
    "job": {"template": {"image": "checks", "resources": {"limits": {"cpu": 1, "memory": "1Gi"}}}},
}


def job(uid: str = OWNER.uid) -> dict[str, Any]:
    reason = {"type": "Failed", "status": "True", "reason": "PodFailurePolicy"}
    metadata = {"name": NAME, "uid": "job-uid", "ownerReferences": [{"uid": uid}]}
    return {"metadata": metadata, "status": {"conditions": [reason]}}


def job_pod(uid: str) -> dict[str, Any]:
    state = {"terminated": {"exitCode": 1, "message": f"said by {uid}"}}
    marks = {"batch.kubernetes.io/job-name": NAME}
    return {
        "metadata": {"name": "pod", "labels": marks, "ownerReferences": [{"uid": uid}]},
        "status": {"containerStatuses": [{"name": "analysis", "state": state}]},
    }


async def test_a_job_is_asked_by_its_name_and_heard_by_its_own_pods() -> None:
    cluster = Cluster((JOBS, job()), (PODS, job_pod("another")), (PODS, job_pod("job-uid")))
    found = await answered(cluster, question(**JOB_METRIC))
    assert found == Answer("Failed", message=f"the Job {NAME} says no: said by job-uid")


async def test_a_job_that_is_not_there_yet_is_waited_for() -> None:
    assert (await answered(Cluster(), question(**JOB_METRIC))).kind == "Pending"


async def test_a_job_of_somebody_else_is_no_verdict() -> None:
    found = await answered(Cluster((JOBS, job(uid="another"))), question(**JOB_METRIC))
    assert found.kind == "Refused"
    assert "belongs to somebody else" in found.message


async def test_all_is_asked_at_the_same_time_and_a_slow_one_costs_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "SECONDS", 1.0)
    together = asyncio.Barrier(2)

    async def answer(request: web.Request) -> web.Response:
        await together.wait()
        return web.Response(text=exposition()) if request.path == "/metrics" else web.json_response(GOOD)

    async with serving(answer) as address, raw(silent) as slow:
        cluster = Cluster(of_revision(pod(address), "abc"))
        asked = (question(**prometheus()), question("Stable", 7, **prometheus(address=slow)))
        found = await measured(cluster, *asked, address=address, read=(("Canary", "abc"),))
    assert len(found.readings[0].pods) == 1
    assert found.measurements[0].answer.kind == "Value"
    assert found.measurements[1].answer == Answer("Unavailable", message="this took longer than 1 s")


async def test_a_fault_of_ours_is_an_answer_and_a_line_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(look, "filled", lambda *_: {}["a bug"])
    monkeypatch.setattr(look, "read_pods", lambda *_: {}["another"])
    found = await measured(Cluster(), question(**prometheus()), address="http://192.0.2.1", read=(("Canary", "abc"),))
    assert found.measurements[0].answer.kind == "Unavailable"
    assert "the operator failed to ask" in found.readings[0].missing[0]
    assert [record.exc_text is not None for record in caplog.records] == [True, True]


def test_a_look_gives_each_part_longer_than_the_part_gives_others() -> None:
    assert pods.ALL_SECONDS < look.SECONDS
    assert 2 * look.prometheus.SECONDS < look.SECONDS
    assert look.webhook.SECONDS < look.SECONDS
