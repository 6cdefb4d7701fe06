"""The pods' own counters, over HTTP: a pod that cannot be read is a sentence, and the others count."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from tests.unit.observe.measure.conftest import cut, dripping, endless, garbage, raw, serving, silent
from yarl import URL

from recsys_operator.decide.analysis.facts import Reading
from recsys_operator.observe.measure import pods
from recsys_operator.observe.measure.exposition import samples
from recsys_operator.observe.measure.web import Page, Web
from recsys_workers import scores
from recsys_workers.serve.metrics import LATENCY_BUCKETS, Metrics
from recsys_workers.serve.recommender import Answer, Fallback

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
EVALUATED = scores.cumulative(np.array([[2.5, 0.5, -3.0]], dtype=np.float32))


def exposition() -> str:
    """What a server says after a few requests: five answers, one of them empty and one popular; two 500s, a 400."""
    metrics = Metrics("movies", 4, "sha256:0")
    for found, fallback, asked, unknown in (
        ([3.5, 2.5], Fallback.NONE, 4, 1),
        ([3.5], Fallback.NONE, 3, 0),
        ([99.0], Fallback.NONE, 1, 0),
        ([], Fallback.NONE, 2, 2),
        ([7.0], Fallback.POPULAR, 1, 1),
    ):
        metrics.answer(Answer(b"", found, fallback, asked, unknown))
        metrics.request(200, 0.0015)
    for status, seconds in ((500, 0.04), (503, 60.0), (400, 0.001)):
        metrics.request(status, seconds)
    metrics.evaluation(EVALUATED)
    return metrics.exposition().decode()


def pod(address: str, name: str = "movies-v4-a", **status: Any) -> dict[str, Any]:
    """A ready pod whose server listens at the address."""
    url = URL(address)
    port = {"name": "http", "containerPort": url.port}
    return {
        "metadata": {"name": name, "uid": f"uid-of-{name}"},
        "spec": {
            "containers": [
                {"name": "sidecar", "ports": [{"name": "http", "containerPort": 1}]},
                {"name": "server", "ports": [port]},
            ]
        },
        "status": {
            "podIP": url.host,
            "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True"}],
            "containerStatuses": [
                {"name": "server", "restartCount": 2, "state": {"running": {"startedAt": "2026-01-02T03:00:00Z"}}}
            ],
            **status,
        },
    }


async def read(asking: Web, *found: dict[str, Any]) -> Reading:
    return await pods.read_pods(asking, found, "Canary", "abc", lambda: AT)


async def test_a_server_of_ours_is_read_whole(asking: Web) -> None:
    async def answer(request: web.Request) -> web.Response:
        assert request.path == "/metrics"
        return web.Response(text=exposition())

    async with serving(answer) as address:
        reading = await read(asking, pod(address))
    assert (reading.arm, reading.revision, reading.at, reading.missing) == ("Canary", "abc", AT, ())
    (found,) = reading.pods
    assert (found.uid, found.restarts, found.started) == (
        "uid-of-movies-v4-a",
        2,
        datetime(2026, 1, 2, 3, tzinfo=UTC),
    )
    assert (found.requests, found.errors) == (7, 2)
    assert (found.answers, found.empty_answers, found.items_asked, found.unknown_items) == (5, 1, 11, 4)
    assert found.latency.bounds == LATENCY_BUCKETS
    by_bound = dict(zip(found.latency.bounds, found.latency.counts, strict=False))
    assert (by_bound[0.001], by_bound[0.0015], by_bound[0.04], by_bound[10], found.latency.counts[-1]) == (
        0,
        5,
        6,
        6,
        7,
    )
    assert found.scores.bounds == tuple(map(float, scores.BUCKETS))
    by_bound = dict(zip(found.scores.bounds, found.scores.counts, strict=False))
    assert (by_bound[2], by_bound[3], by_bound[4], by_bound[50], found.scores.counts[-1]) == (0, 1, 3, 3, 4)
    assert found.evaluation is not None
    assert found.evaluation.bounds == found.scores.bounds
    assert found.evaluation.counts == tuple(EVALUATED.values())


class Impatient(Web):
    """Gives one address little time, and the others all that they need on a busy machine."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address

    async def ask(self, method: str, url: str | URL, *, seconds: float, limit: int, **more: Any) -> Page:
        assert seconds == pods.SECONDS
        allowed = 0.3 if str(url).startswith(self.address) and self.address else 30.0
        return await super().ask(method, url, seconds=allowed, limit=limit, **more)


BROKEN = {
    "silent": (silent, "did not answer within 0.3 s"),
    "dripping": (dripping, "did not answer within 0.3 s"),
    "endless": (endless, "more than 20000 bytes"),
    "garbage": (garbage, "cannot be asked"),
    "cut": (cut, "cannot be asked"),
}


@pytest.mark.parametrize("kind", BROKEN)
async def test_a_broken_pod_is_named_and_the_others_count(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pods, "LIMIT", 20_000)

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=exposition())

    server, problem = BROKEN[kind]
    slow = kind in ("silent", "dripping")
    async with serving(answer) as good, raw(server) as bad, Impatient(bad if slow else "") as asking:
        reading = await read(asking, pod(good, "one"), pod(bad, "broken"), pod(good, "two"))
    assert [one.uid for one in reading.pods] == ["uid-of-one", "uid-of-two"]
    (missing,) = reading.missing
    assert missing.startswith("pod broken: ")
    assert problem in missing


def changed(old: str, new: str) -> str:
    assert old in exposition()
    return exposition().replace(old, new)


def without(name: str) -> str:
    return "\n".join(line for line in exposition().splitlines() if not line.startswith(name))


WRONG = {
    "html": ("<html></html>", 200, "line 1 is no sample"),
    "nothing": ("", 200, "there is no recsys_requests_total"),
    "another program's": ("go_goroutines 5\n", 200, "there is no recsys_requests_total"),
    "no latency": (without("recsys_request_duration"), 200, "recsys_request_duration_seconds_bucket"),
    "no scores": (without("recsys_score"), 200, "recsys_score_bucket"),
    "no infinite bucket": (changed('le="+Inf"', 'le="1000.0"'), 200, "do not end with +Inf"),
    "a bucket twice": (changed('le="0.002"', 'le="0.003"'), 200, "stand there twice"),
    "a bucket without a bound": (changed('le="0.002"', 'other="0.002"'), 200, "has no bound"),
    "falling counts": (
        changed('le="+Inf",model="movies",version="4"} 7.0', 'le="+Inf",model="movies",version="4"} 1.0'),
        200,
        "fall from one bucket to the next",
    ),
    "not a number": (
        changed('code="500",model="movies",version="4"} 1.0', 'code="500",model="movies",version="4"} NaN'),
        200,
        "which is no count",
    ),
    "negative": (
        changed('code="500",model="movies",version="4"} 1.0', 'code="500",model="movies",version="4"} -1.0'),
        200,
        "which is no count",
    ),
    "a 404": (exposition(), 404, "/metrics answers 404"),
    "a 500": (exposition(), 500, "/metrics answers 500"),
}


@pytest.mark.parametrize("kind", WRONG)
async def test_what_no_server_of_ours_says_is_no_reading(asking: Web, kind: str) -> None:
    text, status, problem = WRONG[kind]

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=text, status=status)

    async with serving(answer) as address:
        reading = await read(asking, pod(address))
    assert reading.pods == ()
    (missing,) = reading.missing
    assert missing.startswith("pod movies-v4-a: ")
    assert problem in missing


async def test_bytes_that_are_no_text_are_no_reading(asking: Web) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=b"\xff\xfe")

    async with serving(answer) as address:
        reading = await read(asking, pod(address))
    assert "cannot be read" in reading.missing[0]


def test_a_server_older_than_the_count_of_empty_answers_has_no_answers_to_judge_by() -> None:
    older = list(samples(without("recsys_empty_answers").replace("recsys_items_asked", "recsys_other")))
    found = pods.pod_reading(older, "uid", 0, AT)
    assert (found.requests, found.answers, found.empty_answers, found.items_asked) == (7, 0, 0, 0)


def test_a_version_without_scores_of_its_evaluation_has_none() -> None:
    assert pods.pod_reading(list(samples(without("recsys_evaluation"))), "uid", 0, AT).evaluation is None


async def test_only_ready_pods_are_asked(asking: Web) -> None:
    async def answer(_: web.Request) -> web.Response:
        raise AssertionError("it must not be asked")

    async with serving(answer) as address:
        leaving = pod(address)
        leaving["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z"
        unready = pod(address, conditions=[{"type": "Ready", "status": "False"}])
        starting = {"metadata": {"name": "new", "uid": "new"}, "spec": {}, "status": {"phase": "Pending"}}
        reading = await read(asking, leaving, unready, starting)
    assert (reading.pods, reading.missing) == ((), ())


@pytest.mark.parametrize(
    "status",
    [{"podIP": None}, {"containerStatuses": []}, {"containerStatuses": [{"name": "server", "state": {"waiting": {}}}]}],
)
async def test_a_ready_pod_that_cannot_be_reached_is_named(asking: Web, status: dict[str, Any]) -> None:
    reading = await read(asking, pod("http://127.0.0.1:1", **status))
    assert reading.missing == ("pod movies-v4-a: it is ready, but has no address or no running container server",)


async def test_the_port_is_the_servers_own_one_unless_the_pod_says_otherwise() -> None:
    unnamed = pod("http://[::1]:9")
    del unnamed["spec"]["containers"][1]["ports"]
    assert str(pods._server(unnamed).url) == "http://[::1]:8080/metrics"  # type: ignore[union-attr]


async def test_many_pods_are_asked_side_by_side_but_not_all_at_once(
    asking: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pods, "PARALLEL", 4)
    inside, most, full = 0, 0, asyncio.Event()

    async def answer(_: web.Request) -> web.Response:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        if inside == pods.PARALLEL:
            full.set()
        await full.wait()
        await asyncio.sleep(0)
        inside -= 1
        return web.Response(text=exposition())

    async with serving(answer) as address:
        reading = await read(asking, *(pod(address, f"pod-{number}") for number in range(12)))
    assert len(reading.pods) == 12
    assert most == pods.PARALLEL


async def test_when_all_together_take_too_long_the_rest_is_named(asking: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pods, "PARALLEL", 1)
    monkeypatch.setattr(pods, "ALL_SECONDS", 0.3)
    async with raw(silent) as address:
        reading = await read(asking, pod(address, "one"), pod(address, "two"))
    assert reading.pods == ()
    assert [one.split(":")[0] for one in reading.missing] == ["pod one", "pod two"]
    assert "0.3 s were over" in reading.missing[1]


async def test_a_look_that_is_given_up_lets_go_of_its_pods(asking: Web) -> None:
    asked, let_go = asyncio.Event(), asyncio.Event()

    async def waiting(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()
        let_go.set()

    async with raw(waiting) as address:
        look = asyncio.create_task(read(asking, pod(address)))
        await asked.wait()
        look.cancel()
        with pytest.raises(asyncio.CancelledError):
            await look
        await asyncio.wait_for(let_go.wait(), pods.SECONDS / 2)
