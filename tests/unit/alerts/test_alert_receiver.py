"""The webhook's door: who may knock, what is taken in, what is answered. The task behind it is played."""

import asyncio
import hmac
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import REGISTRY

from recsys_operator.alerts import memory, payload, webhook
from recsys_operator.alerts.payload import LONGEST_MESSAGE, Addressed, parse
from recsys_operator.alerts.tokens import Tokens
from recsys_operator.api.kinds import DEPLOYMENTS, Resource
from recsys_operator.apply.client import ApiError, Client
from recsys_operator.metrics import LoopMetrics
from recsys_operator.reconcile.deployment import Posted
from recsys_operator.reconcile.loop import Gone, Key, Loops
from recsys_operator.settings import Settings

TOKENS = {"first": "token-one", "second": "token-two"}


class Cluster:
    """One Deployment, shop/movies; the rest is 404."""

    def __init__(self) -> None:
        self.down = False
        self.reads = 0

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        self.reads += 1
        if self.down:
            raise ApiError(0, "Unreachable", "connection refused")
        return {"metadata": {"uid": "u"}} if (namespace, name) == ("shop", "movies") else None


class Task:
    """The reconciler of the Deployment: writes down what came in and answers when it may."""

    resource = DEPLOYMENTS

    def __init__(self) -> None:
        self.may_write = asyncio.Event()
        self.may_write.set()
        self.batches: list[int] = []
        self.seen: list[str] = []
        self.outcome = "RolledBack"

    async def __call__(self, key: Key, inbox: tuple[Any, ...]) -> float | None:
        await self.may_write.wait()
        if key.name != "movies":
            raise Gone
        posted = cast("tuple[Posted, ...]", inbox)
        if posted:
            self.batches.append(len(posted))
        for item in posted:
            self.seen.append(item.alert.fingerprint)
            item.outcome = self.outcome
        return None


class Door:
    """A receiver with everything behind it."""

    def __init__(self, tokens: Path) -> None:
        self.cluster, self.task, self.ready, self.leader = Cluster(), Task(), True, ""
        client = cast("Client", self.cluster)
        self.loops = Loops(client, (self.task,), LoopMetrics())
        settings = Settings(
            trainer_image="t", server_image="s", alert_token_dir=tokens, watch_namespaces=("shop", "other")
        )
        self.http: TestClient[Any, Any] = TestClient(
            TestServer(webhook.receiver(self.loops, settings, lambda: self.ready, lambda: self.leader))
        )

    async def post(self, *alerts: dict[str, Any], token: str = "token-one", **body: Any) -> tuple[int, Any]:
        payload = {"version": "4", "alerts": list(alerts), **body}
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self.http.post("/alerts", json=payload, headers=headers) as answer:
            return answer.status, await answer.json()


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    for name, token in TOKENS.items():
        (tmp_path / name).write_text(token + "\n")
    made = Door(tmp_path)
    await made.http.start_server()
    yield made
    await made.http.close()
    await made.loops.stop(1)


def alert(fingerprint: str = "f1", **labels: str) -> dict[str, Any]:
    return {
        "status": "firing",
        "fingerprint": fingerprint,
        "startsAt": "2026-01-02T03:04:05.123456789Z",
        "labels": {
            "alertname": "RecsysLatency",
            "severity": "critical",
            "namespace": "shop",
            "deployment": "movies",
            "version": "4",
            **labels,
        },
        "annotations": {"summary": "p99 is high"},
    }


def counted(reason: str) -> float:
    return REGISTRY.get_sample_value("recsys_alerts_rejected_total", {"reason": reason}) or 0.0


@pytest.mark.parametrize("token", ["token-one", "token-two"])
async def test_two_tokens_are_valid_during_a_rotation(door: Door, token: str) -> None:
    status, body = await door.post(alert(), token=token)
    assert status == 200
    assert body["alerts"] == [
        {"namespace": "shop", "deployment": "movies", "fingerprint": "f1", "outcome": "RolledBack"}
    ]


@pytest.mark.parametrize("token", ["", "wrong", "token-on", "token-one2"])
async def test_others_are_turned_away_and_counted(door: Door, token: str) -> None:
    before = counted("Unauthorized")
    status, _ = await door.post(alert(), token=token)
    assert status == 401
    assert counted("Unauthorized") == before + 1
    assert door.task.seen == []


def test_the_files_are_read_at_most_once_a_second(tmp_path: Path) -> None:
    (tmp_path / "first").write_text("token-one")
    now = 100.0
    tokens = Tokens(tmp_path, lambda: now)
    assert tokens.admits("Bearer token-one")
    (tmp_path / "second").write_text("token-two")
    (tmp_path / "first").unlink()
    now += 0.99
    assert not tokens.admits("Bearer token-two"), "a token that is not known yet does not make it read again"
    assert tokens.admits("Bearer token-one")
    now += 0.01
    assert tokens.admits("Bearer token-two")
    assert not tokens.admits("Bearer token-one")
    (tmp_path / "second").unlink()
    now += 1
    assert not tokens.admits("Bearer token-two"), "without a token nobody is admitted"


def test_a_wrong_token_takes_as_long_as_a_right_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each token is compared, whichever fits, by a comparison that does not stop at the first byte that differs."""
    for name, token in TOKENS.items():
        (tmp_path / name).write_text(token)
    compared: list[bytes] = []

    def compare_digest(offered: bytes, token: bytes) -> bool:
        compared.append(token)
        return hmac.compare_digest(offered, token)

    monkeypatch.setattr("recsys_operator.alerts.tokens.hmac", SimpleNamespace(compare_digest=compare_digest))
    every = [token.encode() for token in TOKENS.values()]
    for offered, admitted in (("token-one", True), ("token-two", True), ("wrong", False)):
        compared.clear()
        assert Tokens(tmp_path).admits(f"Bearer {offered}") is admitted
        assert compared == every


async def test_a_body_of_more_than_a_mebibyte_is_refused(door: Door) -> None:
    before = counted("TooLarge")
    status, _ = await door.post(alert(), commonAnnotations={"filler": "x" * (1024 * 1024)})
    assert status == 413
    assert counted("TooLarge") == before + 1


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"version": "3"}, 'version must be "4"'),
        ({"alerts": {}}, "alerts must be a list"),
        ({"alerts": [1]}, "alerts[0] must be an object"),
        ({"alerts": [{**alert(), "status": "odd"}]}, "alerts[0].status"),
        ({"alerts": [{**alert(), "fingerprint": ""}]}, "alerts[0].fingerprint"),
        ({"alerts": [{**alert(), "fingerprint": "f" * 65}]}, "alerts[0].fingerprint"),
        ({"alerts": [{**alert(), "startsAt": "yesterday"}]}, "alerts[0].startsAt"),
        ({"alerts": [{**alert(), "labels": {"a": 1}}]}, "alerts[0].labels"),
        ({"alerts": [{**alert(), "labels": {"a": 1}}, 1]}, "alerts[0].labels"),
        ({"alerts": [alert(severity="critical\ud800")]}, "alerts[0].labels"),
    ],
)
async def test_what_alertmanager_does_not_send_is_refused_by_field(
    door: Door, change: dict[str, Any], text: str
) -> None:
    before = counted("BadPayload")
    status, body = await door.post(**change)
    assert status == 400
    assert text in body["message"]
    assert counted("BadPayload") == before + 1


@pytest.mark.parametrize(
    ("malformed", "text"),
    [
        (1, "must be an object"),
        ({**alert("bad"), "labels": {"a": 1}}, "labels must be an object of texts"),
        ({**alert("bad"), "startsAt": "yesterday"}, "startsAt must be an RFC 3339 time"),
        (alert("bad", severity="critical\ud800"), "labels must be an object of texts"),
        ({**alert("bad"), "status": "x" * 100_000}, "status must be firing or resolved"),
    ],
)
@pytest.mark.parametrize("place", [0, 1])
async def test_a_malformed_alert_does_not_take_the_others_of_its_post_with_it(
    door: Door, malformed: Any, text: str, place: int
) -> None:
    before, whole = counted("MalformedAlert"), counted("BadPayload")
    posted = [alert("f1"), alert("f2")]
    posted.insert(place, malformed)
    status, body = await door.post(*posted)
    assert status == 200
    outcomes = ["RolledBack", "RolledBack"]
    outcomes.insert(place, "Malformed")
    assert [one["outcome"] for one in body["alerts"]] == outcomes
    assert body["alerts"][place]["message"].startswith(f"alerts[{place}]")
    assert text in body["alerts"][place]["message"]
    assert len(body["alerts"][place]["message"]) <= LONGEST_MESSAGE
    assert sorted(door.task.seen) == ["f1", "f2"]
    assert (counted("MalformedAlert"), counted("BadPayload")) == (before + 1, whole)


async def test_alerts_that_were_left_out_are_told_and_the_others_taken(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    before = counted("Truncated")
    status, body = await door.post(
        alert(), truncatedAlerts=7, receiver="recsys-operator", groupKey='{}:{namespace="shop"}'
    )
    assert (status, body["alerts"][0]["outcome"]) == (200, "RolledBack")
    assert counted("Truncated") == before + 1
    told = [record for record in caplog.records if "max_alerts" in record.getMessage()]
    assert [(vars(one)["receiver"], vars(one)["groupKey"], vars(one)["leftOut"]) for one in told] == [
        ("recsys-operator", '{}:{namespace="shop"}', 7)
    ]
    assert told[0].levelname == "WARNING"


@pytest.mark.parametrize("number", [0, -1, None, True, 2.5, "3", [1], {"a": 1}, "x" * 10_000])
async def test_what_is_no_number_of_left_out_alerts_is_none(door: Door, number: Any) -> None:
    before = counted("Truncated")
    status, body = await door.post(alert(), truncatedAlerts=number)
    assert (status, body["alerts"][0]["outcome"]) == (200, "RolledBack")
    assert counted("Truncated") == before


@pytest.mark.parametrize("name", [None, 3, ["a"], "half \ud800", "x" * 10_000])
async def test_left_out_alerts_of_a_nameless_group_count_too(door: Door, name: Any) -> None:
    before = counted("Truncated")
    assert (await door.post(alert(), truncatedAlerts=1, receiver=name, groupKey=name))[0] == 200
    assert counted("Truncated") == before + 1


async def test_a_post_without_alerts_is_taken(door: Door) -> None:
    assert await door.post() == (200, {"alerts": []})


@pytest.mark.parametrize("body", [b"{", b"[" * 500_000], ids=["broken", "deep"])
async def test_no_json_is_refused(door: Door, body: bytes) -> None:
    headers = {"Authorization": "Bearer token-one"}
    async with door.http.post("/alerts", data=body, headers=headers) as answer:
        assert answer.status == 400


def test_a_token_that_is_no_utf_8_is_a_wrong_one(tmp_path: Path) -> None:
    (tmp_path / "first").write_text("token-one")
    assert not Tokens(tmp_path).admits(b"Bearer \xff".decode(errors="surrogateescape"))
    assert Tokens(tmp_path).admits("Bearer token-one")


def test_the_zero_time_stays_one_that_the_api_server_takes() -> None:
    (one,) = parse({"version": "4", "alerts": [{**alert(), "startsAt": "0001-01-01T00:00:00Z"}]})
    assert isinstance(one, Addressed)
    assert one.alert
    assert one.alert.starts_at == "0001-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    "labels",
    [
        {"namespace": ""},
        {"deployment": ""},
        {"namespace": "elsewhere"},
        {"deployment": "../x"},
        {"version": "old"},
        {"recsys_rollout": "ignore"},
    ],
)
async def test_alerts_about_nothing_of_ours_are_taken_and_ignored(door: Door, labels: dict[str, str]) -> None:
    status, body = await door.post(alert(**labels), alert("f2"))
    assert status == 200
    assert [one["outcome"] for one in body["alerts"]] == ["Ignored", "RolledBack"]
    assert door.task.seen == ["f2"]


async def test_a_deployment_that_a_live_get_does_not_find_is_answered(door: Door) -> None:
    status, body = await door.post(alert(namespace="other", deployment="gone"))
    assert (status, body["alerts"][0]["outcome"]) == (200, "NotFound")


async def test_not_ready_means_again(door: Door) -> None:
    door.ready = False
    assert (await door.post(alert()))[0] == 503
    door.ready = True
    assert (await door.post(alert()))[0] == 200


async def test_a_replica_that_stands_by_asks_for_the_token_too(door: Door) -> None:
    door.ready, door.leader = False, "127.0.0.1:1"
    assert (await door.post(alert(), token="wrong"))[0] == 401
    assert (await door.post(alert()))[0] == 503


async def test_no_answer_of_the_api_server_means_again(door: Door) -> None:
    door.cluster.down = True
    assert (await door.post(alert()))[0] == 503
    door.cluster.down = False
    assert (await door.post(alert()))[0] == 200


async def test_without_the_status_write_it_is_503_in_time(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "PATIENCE", 0.2)
    door.task.may_write.clear()
    assert (await door.post(alert()))[0] == 503
    assert door.task.seen == []
    door.task.may_write.set()
    assert (await door.post(alert()))[0] == 200


async def test_more_than_may_wait_at_once_are_to_be_posted_again(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    flood = [alert("f1"), alert("f2"), alert("f3")]
    monkeypatch.setattr(webhook, "MOST_WAITING", 2)
    before = counted("TryAgain")
    status, body = await door.post(*flood)
    assert (status, counted("TryAgain")) == (503, before + 1)
    assert "2 alerts are waiting already" in body["message"]
    status, body = await door.post(*flood)
    assert status == 200, "those that were taken wait no more"
    assert [one["outcome"] for one in body["alerts"]] == ["Duplicate", "Duplicate", "RolledBack"]


async def test_what_is_remembered_ends_and_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    remembered = memory.Memory(lambda: now)
    keys: list[payload.Key] = [("shop", "movies", f"f{number}", "", False) for number in range(4)]

    async def act_on(*some: payload.Key) -> None:
        for key in some:
            await remembered.start(key, asyncio.ensure_future(asyncio.sleep(0, "RolledBack")))

    await act_on(keys[0])
    now = memory.LIFETIME
    assert remembered.knows(keys[0])
    now += 0.1
    assert not remembered.knows(keys[0]), "a Deployment that was made anew gets its alerts"
    monkeypatch.setattr(memory, "MOST", 2)
    await act_on(*keys[1:])
    assert [remembered.knows(key) for key in keys[1:]] == [False, True, True]


async def test_the_same_alert_again_and_again_costs_one_reconcile(door: Door) -> None:
    answers = await asyncio.gather(*(door.post(alert()) for _ in range(50)))
    assert {status for status, _ in answers} == {200}
    assert door.task.seen == ["f1"]
    status, body = await door.post(alert())
    assert (status, body["alerts"][0]["outcome"]) == (200, "Duplicate")
    assert door.task.seen == ["f1"]


async def test_an_ignored_alert_is_looked_at_again(door: Door) -> None:
    door.task.outcome = "Ignored"
    await door.post(alert())
    await door.post(alert())
    assert door.task.seen == ["f1", "f1"]


async def test_many_alerts_go_to_the_task_in_few_batches(door: Door) -> None:
    status, body = await door.post(*(alert(f"f{number}") for number in range(500)))
    assert status == 200
    assert len(body["alerts"]) == 500
    assert len(door.task.seen) == 500
    assert len(door.task.batches) <= 3


async def test_firing_and_resolved_are_two_things(door: Door) -> None:
    await door.post(alert())
    await door.post({**alert(), "status": "resolved"})
    assert door.task.seen == ["f1", "f1"]
