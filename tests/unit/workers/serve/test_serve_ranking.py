"""A server of a Ranking version: rows with ids, of which some are new."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from tests.unit.workers.exposition import sample
from tests.unit.workers.serve.test_serve_rows import load
from tests.unit.workers.serve.tiny_rows import MODEL, write_rows_version
from tests.unit.workers.serve.tiny_version import VERSION

from recsys_workers.preprocessing import Numeric, Preprocessing, Target, Vocabulary
from recsys_workers.serve.application import Application
from recsys_workers.serve.lane import Lane
from recsys_workers.serve.metrics import Metrics

FITTED = Preprocessing(
    (
        Vocabulary("user", ("1", "2"), True, False),
        Vocabulary("item", ("a",), False, False),
        Numeric("price", 5.0, 5.0, False),
    ),
    Target("click", "Binary", ("0", "1")),
)


@pytest.fixture
async def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lane: Lane) -> AsyncIterator[httpx.AsyncClient]:
    environment = write_rows_version(tmp_path, FITTED, task="Ranking")
    metrics = Metrics(MODEL, VERSION, environment["RECSYS_DIGEST"])
    application = Application(metrics, lane, VERSION, environment["RECSYS_DIGEST"])
    application.ready(load(tmp_path, monkeypatch, environment))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application.asgi), base_url="http://server") as made:
        yield made


async def test_candidates_are_answered_and_new_ids_are_those_of_rare_ones(client: httpx.AsyncClient) -> None:
    rows = [
        {"user": 1, "item": "a", "price": 5},  # rows 1 and 4 of the table: log-odds 5
        {"user": "new", "item": "a", "price": 0},  # the rare row 3, and 4, and -1: 6
        {"user": "new", "item": "b", "price": 5},  # 3, and none: 3
    ]
    found = (await client.post("/predict", json={"rows": rows})).json()["predictions"]
    assert [entry["probability"] for entry in found] == pytest.approx([0.993307, 0.997527, 0.952574], abs=1e-6)
    text = (await client.get("/metrics")).content
    assert sample(text, "recsys_unknown_items_total") == 3


async def test_an_id_must_be_there(client: httpx.AsyncClient) -> None:
    answer = await client.post("/predict", json={"rows": [{"item": "a", "price": 5}]})
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "rows[0].user is missing.")


async def test_what_is_for_lists_says_what_this_model_answers(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/recommend", json={"history": [{"id": "1"}]})
    assert answer.status_code == 404
    assert "This model answers rows (Ranking), and no histories" in answer.json()["error"]["message"]
    shadow = await client.post("/shadow", json={"to": "x", "stable": 1, "samples": []})
    assert "and this model answers rows (Ranking)." in shadow.json()["error"]["message"]
