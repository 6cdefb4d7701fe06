"""The shadow's side: what it compares, what it refuses, and that it gives way to real requests."""

import asyncio
import functools
import json
import logging
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from tests.unit.workers.serve.tiny_version import VERSION, TinyVersion

from recsys_workers.serve import shadow_receiver
from recsys_workers.serve.application import Application
from recsys_workers.serve.lane import Lane
from recsys_workers.serve.metrics import Metrics
from recsys_workers.serve.recommender import Recommender
from recsys_workers.serve.shadow_agreement import COVERAGE_WINDOW
from recsys_workers.serve.shadow_metrics import MOST_STABLE_VERSIONS, ShadowMetrics
from recsys_workers.serve.shadow_mirror import Mirror

REVISION = "fedcba9876543210"
TOKEN = "q7-" * 14
TOLD = {"url": "http://here/shadow", "from": "0123456789abcdef", "to": REVISION, "percent": 10, "token": TOKEN}
LABELS = 'model="movies",stable="3",version="4"'
REQUEST = {"history": [{"id": "3"}, {"id": "12"}], "k": 10}


@pytest.fixture
def shadow_file(tmp_path: Path) -> Path:
    """The ConfigMap, which says that this server is the shadow."""
    file = tmp_path / "shadow.json"
    file.write_text(json.dumps(TOLD))
    return file


@pytest.fixture
def mirror(shadow_file: Path, metrics: Metrics) -> Mirror:
    """It has looked at the file once."""
    mirror = Mirror(shadow_file, REVISION, VERSION, metrics.shadow)
    mirror.look()
    return mirror


@pytest.fixture
def application(
    metrics: Metrics, lane: Lane, version: TinyVersion, recommender: Recommender, mirror: Mirror
) -> Application:
    application = Application(metrics, lane, VERSION, version.digest, revision=REVISION, mirror=mirror)
    application.ready(recommender)
    return application


def as_stable(application: Application, authorization: str = f"Bearer {TOKEN}") -> httpx.AsyncClient:
    """Speaks to the application as the server that copies, or as one with another header."""
    headers = {"Authorization": authorization.encode("latin-1")} if authorization else {}
    return httpx.AsyncClient(transport=httpx.ASGITransport(application.asgi), base_url="http://server", headers=headers)


@pytest.fixture
async def client(application: Application) -> AsyncIterator[httpx.AsyncClient]:
    async with as_stable(application) as client:
        yield client


def batch(*samples: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"to": REVISION, "stable": 3, "samples": list(samples), **changes}


def sample(answer: dict[str, Any], request: dict[str, Any] = REQUEST, route: str = "recommend") -> dict[str, Any]:
    return {"route": route, "request": request, "answer": answer}


async def answered(client: httpx.AsyncClient, request: dict[str, Any] = REQUEST) -> dict[str, Any]:
    content: dict[str, Any] = (await client.post("/v1/recommend", json=request)).json()
    return content


async def figures(client: httpx.AsyncClient, prefix: str) -> dict[str, float]:
    """The shadow's figures, by name without its prefix."""
    found = {}
    for line in (await client.get("/metrics")).text.splitlines():
        if line.startswith("recsys_shadow_") and f"{{{LABELS}}}" in line and not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            if not name.partition("{")[0].endswith("_created"):
                found[name.partition("{")[0].removeprefix("recsys_shadow_")] = float(value)
    return {name: value for name, value in found.items() if name.startswith(prefix)}


async def test_its_own_answers_agree_with_themselves(client: httpx.AsyncClient) -> None:
    before = (await client.get("/metrics")).text
    same = sample(await answered(client))
    response = await client.post("/shadow", json=batch(same, same))
    assert (response.status_code, response.json()) == (200, {"compared": 2})
    assert await figures(client, "samples") == {"samples_total": 2}
    assert await figures(client, "overlap_") == {"overlap_count": 2, "overlap_sum": 2}
    assert await figures(client, "rank_biased_overlap_") == {
        "rank_biased_overlap_count": 2,
        "rank_biased_overlap_sum": pytest.approx(2),
    }
    assert await figures(client, "kendall_concordance_") == {
        "kendall_concordance_count": 2,
        "kendall_concordance_sum": pytest.approx(2),
    }
    (count, own), (stable_count, stable) = [
        tuple((await figures(client, f"{name}_")).values()) for name in ("popularity", "stable_popularity")
    ]
    assert count == stable_count == 2
    assert 0 < own == stable < 2
    assert "recsys_shadow_samples_total{" not in before


async def test_copies_are_no_predictions(client: httpx.AsyncClient) -> None:
    answer = await answered(client)

    async def of_predictions() -> list[str]:
        lines = (await client.get("/metrics")).text.splitlines()
        return [line for line in lines if line.startswith("recsys_") and not line.startswith("recsys_shadow_")]

    before = await of_predictions()
    await client.post("/shadow", json=batch(sample(answer)))
    assert await of_predictions() == before


async def test_another_answer_is_told_apart(client: httpx.AsyncClient, recommender: Recommender) -> None:
    answer = await answered(client)
    items = list(reversed(answer["items"]))
    for place, item in enumerate(items):
        item["score"] = float(-place)
    replaced = [{"id": "stranger", "score": 9.0}, *items[:-1]]
    await client.post("/shadow", json=batch(sample({"items": replaced})))
    overlap = await figures(client, "overlap_")
    assert overlap == {"overlap_count": 1, "overlap_sum": 0.9}
    assert (await figures(client, "rank_biased_overlap_"))["rank_biased_overlap_sum"] < 0.6
    assert (await figures(client, "kendall_concordance_"))["kendall_concordance_sum"] < 0.5
    own = recommender.popularity_percentiles([item["id"] for item in reversed(items)])
    known = recommender.popularity_percentiles([item["id"] for item in items[:-1]])
    assert (await figures(client, "popularity_"))["popularity_sum"] == pytest.approx(sum(own) / 10)
    assert (await figures(client, "stable_popularity_"))["stable_popularity_sum"] == pytest.approx(sum(known) / 9)


async def test_an_empty_answer_has_no_order_and_no_popularity(client: httpx.AsyncClient) -> None:
    await client.post("/shadow", json=batch(sample({"items": []})))
    assert await figures(client, "overlap_") == {"overlap_count": 1, "overlap_sum": 0}
    assert (await figures(client, "kendall_concordance_"))["kendall_concordance_count"] == 0
    assert (await figures(client, "stable_popularity_"))["stable_popularity_count"] == 0


async def test_coverage_is_observed_window_by_window(
    client: httpx.AsyncClient, version: TinyVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadow_receiver, "BATCH_SECONDS", 60)  # However busy the machine is, all are compared.
    same = sample(await answered(client))
    narrow = {**same, "answer": {"items": same["answer"]["items"][:1]}}
    await client.post("/shadow", json=batch(*[narrow] * (COVERAGE_WINDOW - 1)))
    assert (await figures(client, "coverage_"))["coverage_count"] == 0
    await client.post("/shadow", json=batch(narrow))
    catalogue = len(version.items.items)
    assert await figures(client, "coverage_") == {"coverage_count": 1, "coverage_sum": pytest.approx(10 / catalogue)}
    assert (await figures(client, "stable_coverage_"))["stable_coverage_sum"] == pytest.approx(1 / catalogue)


async def test_predict_is_copied_too(client: httpx.AsyncClient) -> None:
    answer = (await client.post("/predict", json={"input": ["u", 3, 12]})).json()
    await client.post("/shadow", json=batch(sample(answer, {"input": ["u", 3, 12]}, "predict")))
    assert await figures(client, "overlap_") == {"overlap_count": 1, "overlap_sum": 1}


async def test_a_request_that_only_stable_can_answer_is_a_failure(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await answered(client)
    with caplog.at_level(logging.WARNING):
        response = await client.post("/shadow", json=batch(sample(answer, {"secret": "field"}), sample(answer)))
    assert response.json() == {"compared": 2}
    assert await figures(client, "failures") == {"failures_total": 1}
    assert await figures(client, "samples") == {"samples_total": 1}
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (batch(to="another"), 409, "WrongRevision"),
        (batch(to=""), 409, "WrongRevision"),
        (batch(stable="x"), 400, "InvalidValue"),
        (batch({"route": "recommend"}), 400, "InvalidValue"),
        (batch(sample({"items": [{"id": "3"}]})), 400, "InvalidValue"),
        (batch(sample({"items": []}, route="elsewhere")), 400, "InvalidValue"),
        (batch(sample({"items": []}, route=[])), 400, "InvalidValue"),  # type: ignore[arg-type]
        ([], 400, "InvalidValue"),
    ],
)
async def test_what_is_no_batch_for_it_is_refused(
    client: httpx.AsyncClient, content: object, status: int, code: str
) -> None:
    response = await client.post("/shadow", json=content)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert await figures(client, "") == {}


def tell(mirror: Mirror, file: Path, told: dict[str, Any] | None) -> None:
    """Have the file say this, or be missing, and the mirror look at it."""
    if told is None:
        file.unlink()
    else:
        file.write_text(json.dumps(told))
    mirror.look()


async def refused(client: httpx.AsyncClient, content: dict[str, Any]) -> bool:
    """Whether a batch is refused for who sends it, before it is read, and leaves no figure."""
    statuses = {(await client.post("/shadow", json=content)).status_code}
    statuses.add((await client.post("/shadow", content=b"{")).status_code)
    return statuses == {401} and await figures(client, "") == {}


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN} ",
        "Bearer x",
        "Bearer é",
    ],
)
async def test_a_stranger_who_reaches_the_pod_moves_no_figure(application: Application, authorization: str) -> None:
    async with as_stable(application, authorization) as client:
        false = sample({"items": [{"id": "7", "score": 1.0}]})
        assert await refused(client, batch(false))
        response = await client.post("/shadow", json=batch(false))
        assert response.headers["www-authenticate"] == "Bearer"
        assert TOKEN not in response.text


@pytest.mark.parametrize(
    "told",
    [
        None,
        {},
        {**TOLD, "to": "another"},
        {**TOLD, "to": "another", "from": REVISION},
        {**TOLD, "token": "another" * 6},
        {**TOLD, "token": ""},
        {**TOLD, "percent": 0},
    ],
)
async def test_a_server_that_is_nobodys_shadow_takes_no_copies(
    application: Application, mirror: Mirror, shadow_file: Path, told: dict[str, Any] | None
) -> None:
    async with as_stable(application) as client:
        answer = sample(await answered(client))
        tell(mirror, shadow_file, told)
        for authorization in (f"Bearer {TOKEN}", "Bearer "):
            async with as_stable(application, authorization) as sender:
                assert await refused(sender, batch(answer))
        tell(mirror, shadow_file, TOLD)
        assert (await client.post("/shadow", json=batch(answer))).json() == {"compared": 1}


async def test_a_server_that_knows_no_file_takes_no_copies(
    metrics: Metrics, lane: Lane, version: TinyVersion, recommender: Recommender
) -> None:
    application = Application(metrics, lane, VERSION, version.digest, revision=REVISION)
    application.ready(recommender)
    async with as_stable(application) as client:
        assert await refused(client, batch())


async def test_copies_wait_while_the_model_is_wanted_for_a_real_request(
    client: httpx.AsyncClient, lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = await answered(client)
    waiting, idle = asyncio.Event(), lane.idle

    async def told_idle() -> None:
        waiting.set()
        await idle()

    monkeypatch.setattr(lane, "idle", told_idle)
    release = threading.Event()
    real = asyncio.create_task(lane.run(functools.partial(release.wait, 30)))
    await asyncio.sleep(0)
    copied = asyncio.create_task(client.post("/shadow", json=batch(sample(answer), sample(answer))))
    await waiting.wait()
    assert lane.pending == 1, "the real one alone"
    release.set()
    await real
    assert (await copied).json() == {"compared": 2}


async def test_copies_that_find_no_time_are_left_out(
    client: httpx.AsyncClient, lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = await answered(client)
    monkeypatch.setattr(shadow_receiver, "BATCH_SECONDS", 0.01)
    release = threading.Event()
    real = asyncio.create_task(lane.run(functools.partial(release.wait, 30)))
    await asyncio.sleep(0)
    assert (await client.post("/shadow", json=batch(sample(answer)))).json() == {"compared": 0}
    release.set()
    await real


async def test_too_many_batches_are_refused_before_they_are_read(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadow_receiver, "MOST_BATCHES", 0)
    response = await client.post("/shadow", content=b"{")
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")


async def test_nothing_is_compared_before_the_model_is_loaded(
    metrics: Metrics, lane: Lane, version: TinyVersion, mirror: Mirror
) -> None:
    loading = Application(metrics, lane, VERSION, version.digest, revision=REVISION, mirror=mirror)
    async with as_stable(loading) as client:
        assert (await client.post("/shadow", json=batch())).status_code == 503


def test_a_long_life_keeps_few_series() -> None:
    registry = CollectorRegistry()
    metrics = ShadowMetrics(registry, {"model": "movies", "version": "4"})
    for stable in ("1", "2", "1", "3", "4", "5"):
        metrics.against(stable).samples.inc()
    found = {
        entry.labels["stable"]: entry.value
        for family in registry.collect()
        for entry in family.samples
        if entry.name == "recsys_shadow_samples_total"
    }
    assert found == {"1": 2, "3": 1, "4": 1, "5": 1}
    assert len(found) == MOST_STABLE_VERSIONS


def test_figures_name_no_request(version: TinyVersion) -> None:
    metrics = Metrics("movies", VERSION, version.digest)
    metrics.shadow.against("3").samples.inc()
    assert json.dumps(version.items.items[:1]) not in metrics.exposition().decode()
