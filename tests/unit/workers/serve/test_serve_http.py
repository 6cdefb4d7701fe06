"""The HTTP surface: status codes, headers, bodies, metrics."""

import asyncio
import json
import logging
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from tests.unit.workers.serve.tiny_version import VERSION, TinyVersion, write_version

from recsys_workers.serve import start
from recsys_workers.serve.application import Application, Phase
from recsys_workers.serve.contract import RecommendRequest
from recsys_workers.serve.lane import Lane
from recsys_workers.serve.logs import JsonFormatter
from recsys_workers.serve.metrics import Metrics
from recsys_workers.serve.process import Server
from recsys_workers.serve.recommender import Recommender
from recsys_workers.serve.settings import Settings

SEEN = ["3", "12"]
"""Items that the tiny version itself finds best after them."""
HISTORY = [{"id": item} for item in SEEN]
LABELS = 'model="movies",version="4"'


def error_of(response: httpx.Response) -> dict[str, Any]:
    content = response.json()
    assert set(content) == {"error"}
    assert set(content["error"]) == {"code", "field", "message"}
    assert content["error"]["message"].endswith((".", "?"))
    error: dict[str, Any] = content["error"]
    return error


async def metric(client: httpx.AsyncClient, line: str) -> float:
    for found in (await client.get("/metrics")).text.splitlines():
        if found.startswith(line + " "):
            return float(found.rsplit(" ", 1)[1])
    return 0.0


async def test_ten_titles_with_scores(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/recommend", json={"userId": "u", "history": HISTORY})
    assert response.status_code == 200
    answer = response.json()
    assert set(answer) == {"requestId", "model", "version", "catalogue", "items", "unknownIds", "fallback"}
    assert len(answer["items"]) == 10
    assert all(set(item) <= {"id", "score", "rank", "title"} for item in answer["items"])
    assert any(item["title"] == f'The "Best" Film {item["id"]}' for item in answer["items"] if item["id"] != "30")


async def test_predict_is_the_same_call(client: httpx.AsyncClient) -> None:
    headers = {"X-Request-Id": "same"}
    long = await client.post("/v1/recommend", json={"userId": "u", "history": HISTORY}, headers=headers)
    short = await client.post("/predict", json={"input": ["u", 3, "12"]}, headers=headers)
    assert short.json() == long.json()
    assert (await client.post("/predict", json={"input": ["u"]})).json()["fallback"] == "Popular"


@pytest.mark.parametrize("evaluated", [False, True])
async def test_seen_items_are_left_out_as_in_the_evaluation_unless_asked(
    tmp_path: Path, metrics: Metrics, lane: Lane, monkeypatch: pytest.MonkeyPatch, evaluated: bool
) -> None:
    version = write_version(tmp_path, exclude_seen=evaluated)
    monkeypatch.setenv("RECSYS_PVC_ROOT", str(version.claims))
    application = Application(metrics, lane, VERSION, version.digest)
    application.ready(start.load(Settings.from_environment(version.environment()), metrics))
    transport = httpx.ASGITransport(application.asgi)
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:

        async def leaves_out(path: str, body: dict[str, Any]) -> bool:
            served = {item["id"] for item in (await client.post(path, json=body)).json()["items"]}
            assert served >= set(version.items.items) - set(SEEN)
            return not served & set(SEEN)

        request = {"history": HISTORY, "k": 30}
        assert await leaves_out("/v1/recommend", request) is evaluated
        assert await leaves_out("/v1/recommend", {**request, "excludeSeen": None}) is evaluated
        assert await leaves_out("/v1/recommend", {**request, "excludeSeen": True}) is True
        assert await leaves_out("/v1/recommend", {**request, "excludeSeen": False}) is False
        simple = {item["id"] for item in (await client.post("/predict", json={"input": ["u", *SEEN]})).json()["items"]}
        assert bool(simple & set(SEEN)) is not evaluated


@pytest.mark.parametrize("history", [[], [{"id": "nobody"}]])
async def test_nothing_known_gives_popular_items(
    client: httpx.AsyncClient, version: TinyVersion, history: list[dict[str, str]]
) -> None:
    response = await client.post("/v1/recommend", json={"history": history, "k": 3})
    counts = version.items.popularity
    best = sorted(range(len(counts)), key=lambda index: (-counts[index], index))[:3]
    assert response.status_code == 200
    assert [item["id"] for item in response.json()["items"]] == [version.items.items[index] for index in best]
    assert response.json()["fallback"] == "Popular"
    assert await metric(client, f"recsys_fallback_total{{{LABELS}}}") == 1
    assert await metric(client, f"recsys_unknown_items_total{{{LABELS}}}") == len(history)
    assert await metric(client, f"recsys_score_count{{{LABELS}}}") == 0


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/recommend", 200),
        ("POST", "/v1/recommend/", 404),
        ("POST", "/v1/unknown", 404),
        ("GET", "/v1/recommend", 405),
        ("DELETE", "/predict", 405),
        ("POST", "/healthz", 405),
        ("POST", "/predict", 400),
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("GET", "/metrics", 200),
    ],
)
async def test_every_response_says_who_answered(
    client: httpx.AsyncClient, version: TinyVersion, method: str, path: str, status: int
) -> None:
    response = await client.request(method, path, content=b"{}", headers={"X-Request-Id": "abc-123"})
    assert response.status_code == status
    assert response.headers["x-request-id"] == "abc-123"
    assert response.headers["x-recsys-version"] == "4"
    assert response.headers["x-recsys-digest"] == version.digest
    if status >= 400:
        error_of(response)
    if status == 405:
        assert response.headers["allow"]


@pytest.mark.parametrize("sent", ["", "x" * 129, "a b", 'a"b', "a<script>"])
async def test_a_request_id_that_is_not_harmless_is_replaced(client: httpx.AsyncClient, sent: str) -> None:
    response = await client.post("/v1/recommend", json={}, headers={"X-Request-Id": sent})
    made = response.headers["x-request-id"]
    assert made != sent
    assert len(made) == 32
    assert response.json()["requestId"] == made


async def test_a_bad_request_names_its_field(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/recommend", json={"history": [*HISTORY, {"id": 3}]})
    assert response.status_code == 400
    assert error_of(response)["field"] == "history[2].id"
    assert await metric(client, f'recsys_requests_total{{code="400",{LABELS}}}') == 1
    assert await metric(client, f"recsys_request_duration_seconds_count{{{LABELS}}}") == 0


async def test_a_body_over_the_limit_is_refused(client: httpx.AsyncClient) -> None:
    mebibyte = 1024 * 1024

    async def endless() -> Any:
        for _ in range(20):
            yield b" " * (mebibyte // 10)

    for content in (b" " * (mebibyte + 1), endless()):
        response = await client.post("/v1/recommend", content=content)
        assert (response.status_code, error_of(response)["code"]) == (413, "BodyTooLarge")
    assert (await client.post("/v1/recommend", content=b"{}" + b" " * (mebibyte - 2))).status_code == 200


async def test_a_compressed_body_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/recommend", content=b"{}", headers={"Content-Encoding": "gzip"})
    assert (response.status_code, error_of(response)["code"]) == (415, "UnsupportedEncoding")


async def test_metrics_carry_model_and_version_and_no_ids(client: httpx.AsyncClient, version: TinyVersion) -> None:
    await client.post("/v1/recommend", json={"userId": "secret-user", "history": [*HISTORY, {"id": "secret-item"}]})
    await client.post("/v1/secret-path", json={})
    text = (await client.get("/metrics")).text
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert samples
    assert all('model="movies"' in line and 'version="4"' in line for line in samples)
    assert "secret" not in text
    assert await metric(client, f'recsys_requests_total{{code="200",{LABELS}}}') == 1
    assert await metric(client, f"recsys_request_errors_total{{{LABELS}}}") == 0
    assert await metric(client, f"recsys_request_duration_seconds_count{{{LABELS}}}") == 1
    assert await metric(client, f"recsys_score_count{{{LABELS}}}") == 10
    assert await metric(client, f"recsys_unknown_items_total{{{LABELS}}}") == 1
    assert await metric(client, f"recsys_items_asked_total{{{LABELS}}}") == 3
    assert await metric(client, f"recsys_empty_answers_total{{{LABELS}}}") == 0
    assert await metric(client, f'recsys_build_info{{digest="{version.digest}",{LABELS}}}') == 1
    assert await metric(client, f"recsys_catalogue_titles{{{LABELS}}}") == 29


async def test_items_asked_and_unknown_count_each_id_of_history_and_candidates_once(client: httpx.AsyncClient) -> None:
    history = [{"id": "3"}, {"id": "3"}, {"id": "new"}]
    body = {"history": history, "candidates": ["3", "4", "new", "newer"], "excludeIds": ["newest"]}
    assert (await client.post("/v1/recommend", json=body)).json()["unknownIds"] == ["new", "newer"]
    await client.post("/v1/recommend", json={"history": history, "k": 0})
    assert await metric(client, f"recsys_unknown_items_total{{{LABELS}}}") == 2
    assert await metric(client, f"recsys_items_asked_total{{{LABELS}}}") == 4


async def test_an_answer_without_an_item_is_counted(client: httpx.AsyncClient) -> None:
    for body in ({"history": HISTORY, "candidates": []}, {"candidates": ["nobody"]}, {"history": HISTORY}):
        assert (await client.post("/v1/recommend", json=body)).status_code == 200
    assert await metric(client, f"recsys_empty_answers_total{{{LABELS}}}") == 2


async def test_scores_of_long_answers_count_as_far_as_the_evaluation_looks(client: httpx.AsyncClient) -> None:
    assert len((await client.post("/v1/recommend", json={"history": HISTORY, "k": 20})).json()["items"]) == 20
    assert await metric(client, f"recsys_score_count{{{LABELS}}}") == 10


async def test_nothing_is_answered_before_the_model_is_loaded(loading: Application) -> None:
    transport = httpx.ASGITransport(loading.asgi)
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 503
        response = await client.post("/v1/recommend", json={})
        assert (response.status_code, error_of(response)["code"]) == (503, "Loading")
        assert response.headers["retry-after"] == "1"


async def test_a_draining_server_is_unready_but_answers_and_closes(
    application: Application, client: httpx.AsyncClient
) -> None:
    assert "connection" not in (await client.get("/readyz")).headers
    application.drain()
    assert (await client.get("/readyz")).status_code == 503
    response = await client.post("/v1/recommend", json={})
    assert (response.status_code, response.headers["connection"]) == (200, "close")


async def test_a_load_that_ends_after_sigterm_does_not_turn_ready(
    loading: Application, recommender: Recommender
) -> None:
    loading.drain()
    loading.ready(recommender)
    assert loading.phase is Phase.DRAINING


async def test_overload_is_refused_and_probes_still_answer(client: httpx.AsyncClient, lane: Lane) -> None:
    release = threading.Event()
    blocked = [asyncio.create_task(lane.run(release.wait)) for _ in range(2)]
    await asyncio.sleep(0)
    response = await client.post("/v1/recommend", json={})
    assert (response.status_code, error_of(response)["code"]) == (503, "Overloaded")
    assert response.headers["retry-after"] == "1"
    assert (await client.get("/healthz")).status_code == 200
    assert (await client.get("/readyz")).status_code == 200
    assert await metric(client, f"recsys_pending_requests{{{LABELS}}}") == 2
    assert await metric(client, f"recsys_request_errors_total{{{LABELS}}}") == 1
    release.set()
    await asyncio.gather(*blocked)
    assert (await client.post("/v1/recommend", json={})).status_code == 200
    assert await metric(client, f"recsys_pending_requests{{{LABELS}}}") == 0


async def test_a_request_that_waited_too_long_is_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    now, patience = [0.0], 5.0
    monkeypatch.setattr("recsys_workers.serve.lane.time", SimpleNamespace(monotonic=lambda: now[0]))
    lane = Lane(max_pending=5, patience_seconds=patience)
    started, release, computed = threading.Event(), threading.Event(), []

    def slow() -> bool:
        started.set()
        return release.wait(60)

    first = asyncio.create_task(lane.run(slow))
    late = asyncio.create_task(lane.run(lambda: computed.append(1)))
    assert await asyncio.to_thread(started.wait, 60)
    now[0] = patience + 0.1
    in_time = asyncio.create_task(lane.run(lambda: 7))
    await asyncio.sleep(0)
    release.set()
    results = await asyncio.gather(first, late, in_time, return_exceptions=True)
    lane.close()
    assert (results[0], results[2]) == (True, 7)
    assert getattr(results[1], "status", None) == 503
    assert not computed


async def test_a_failure_is_a_500_with_nothing_of_the_user_in_the_log(
    client: httpx.AsyncClient,
    recommender: Recommender,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(request: RecommendRequest, _: str) -> None:
        raise KeyError(request.userId)

    monkeypatch.setattr(recommender, "recommend", fail)
    with caplog.at_level(logging.ERROR):
        response = await client.post(
            "/v1/recommend", json={"userId": "secret-user"}, headers={"X-Request-Id": "find-me"}
        )
    assert (response.status_code, error_of(response)["code"]) == (500, "Internal")
    assert await metric(client, f"recsys_request_errors_total{{{LABELS}}}") == 1
    lines = [json.loads(JsonFormatter(version=4).format(record)) for record in caplog.records]
    assert [(line["exception"], line["requestId"], line["version"]) for line in lines] == [("KeyError", "find-me", 4)]
    assert "secret-user" not in json.dumps(lines)


def test_the_proxy_closes_idle_connections_before_the_server_does(
    application: Application, recommender: Recommender, version: TinyVersion
) -> None:
    settings = Settings.from_environment(version.environment())
    traefik_idle_seconds = 90
    assert Server(settings, application, lambda: recommender).config.timeout_keep_alive > traefik_idle_seconds
