"""A server of a Tabular version: what it answers, what it refuses and how, what it counts."""

import json
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.unit.workers.exposition import sample
from tests.unit.workers.serve.tiny_rows import BINARY, COLUMNS, MODEL, graph_of, write_rows_version
from tests.unit.workers.serve.tiny_version import VERSION

from recsys_workers.preprocessing import Preprocessing, Target, bucket_of
from recsys_workers.serve import start
from recsys_workers.serve.application import Application
from recsys_workers.serve.lane import Lane
from recsys_workers.serve.metrics import Metrics
from recsys_workers.serve.predictor import Predictor
from recsys_workers.serve.settings import Settings
from recsys_workers.serve.termination import CannotServe

ROW = {"age": 50, "idle": 7.0, "plan": "plus", "phone": "x"}


def load(folder: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> Predictor:
    monkeypatch.setenv("RECSYS_PVC_ROOT", str(folder))
    settings = Settings.from_environment(environment)
    found = start.load(settings, Metrics(MODEL, VERSION, settings.digest))
    assert isinstance(found, Predictor)
    return found


@pytest.fixture
async def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lane: Lane) -> AsyncIterator[httpx.AsyncClient]:
    environment = write_rows_version(tmp_path)
    application = Application(
        Metrics(MODEL, VERSION, environment["RECSYS_DIGEST"]), lane, VERSION, environment["RECSYS_DIGEST"]
    )
    application.ready(load(tmp_path, monkeypatch, environment))
    transport = httpx.ASGITransport(application.asgi)
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as made:
        yield made


def logit(row: dict[str, Any]) -> float:
    """What the graph makes of a row, told otherwise."""
    plan = {"basic": 1, "plus": 2}.get(row["plan"], 0)
    phone = 3 + (4 if row["phone"] is None else bucket_of("phone", row["phone"], 4))
    idle = (0, 1) if row["idle"] is None else ((row["idle"] - 5) / 2, 0)
    return (row["age"] - 40) / 10 + sum(idle) + plan + phone


async def test_each_row_is_answered_in_its_place(client: httpx.AsyncClient) -> None:
    rows = [ROW, {**ROW, "age": -40, "phone": None, "idle": None}, {**ROW, "plan": "never seen"}]
    answer = await client.post("/predict", json={"rows": rows}, headers={"x-request-id": "r-1"})
    assert answer.status_code == 200
    found = answer.json()
    assert {name: found[name] for name in ("requestId", "model", "version")} == {
        "requestId": "r-1",
        "model": MODEL,
        "version": VERSION,
    }
    expected = [1 / (1 + math.exp(-logit(row))) for row in rows]
    assert [entry["probability"] for entry in found["predictions"]] == pytest.approx(expected, rel=1e-6)
    assert [entry["label"] for entry in found["predictions"]] == ["yes" if share >= 0.5 else "no" for share in expected]
    assert answer.headers["x-recsys-version"] == str(VERSION)


async def test_a_missing_value_may_be_null_or_left_out(client: httpx.AsyncClient) -> None:
    without = {name: value for name, value in ROW.items() if name not in ("idle", "phone")}
    rows = [without, {**ROW, "idle": None, "phone": None}, {**ROW, "idle": None, "phone": ""}]
    found = (await client.post("/predict", json={"rows": rows})).json()["predictions"]
    assert found[0] == found[1] == found[2]


WRONG: list[tuple[Any, str, str | None, str]] = [
    (b"{", "MalformedJSON", None, "not JSON"),
    (b'{"rows": [{"age": NaN}]}', "MalformedJSON", None, "NaN is no JSON"),
    ([], "InvalidValue", None, "The body is a list of 0 elements, but must be an object"),
    ({}, "MissingField", "rows", "rows is missing"),
    ({"input": ["u", "1"]}, "UnknownField", "input", "the field is rows"),
    ({"rows": []}, "InvalidValue", "rows", "must be a list of 1 to 1000 rows"),
    ({"rows": [ROW] * 1001}, "InvalidValue", "rows", "a list of 1001 elements"),
    ({"rows": [ROW, 7]}, "InvalidValue", "rows[1]", "rows[1] is 7, but must be an object"),
    ({"rows": [{**ROW, "agee": 1}]}, "UnknownField", "rows[0].agee", "did you mean age?"),
    (
        {"rows": [{**ROW, "churned": "yes"}]},
        "UnknownField",
        "rows[0].churned",
        "the columns are age, idle, plan, phone",
    ),
    ({"rows": [{**ROW, "age": "50"}]}, "InvalidValue", "rows[0].age", "a string of 2 characters, but must be a number"),
    ({"rows": [{**ROW, "age": [1]}]}, "InvalidValue", "rows[0].age", "but must be a number, true or false"),
    ({"rows": [{**ROW, "age": None}]}, "InvalidValue", "rows[0].age", "is empty, but"),
    ({"rows": [{"idle": 1, "plan": "plus"}]}, "MissingField", "rows[0].age", "rows[0].age is missing"),
    ({"rows": [{**ROW, "plan": ""}]}, "InvalidValue", "rows[0].plan", "is empty, but"),
    ({"rows": [{**ROW, "plan": 1.5}]}, "InvalidValue", "rows[0].plan", "1.5, but must be a string of at most 1024"),
    ({"rows": [{**ROW, "phone": "x" * 1025}]}, "InvalidValue", "rows[0].phone", "a string of 1025 characters"),
    (
        b'{"rows": [{"age": 1e999, "idle": 1, "plan": "plus"}]}',
        "InvalidValue",
        "rows[0].age",
        "must be a finite number",
    ),
    ({"rows": [{**ROW, "age": 10**400}]}, "InvalidValue", "rows[0].age", "must be a finite number"),
]


@pytest.mark.parametrize(
    ("body", "code", "field", "said"), WRONG, ids=[f"{code} {said[:30]}" for _, code, _, said in WRONG]
)
async def test_a_wrong_request_is_told_its_field(
    client: httpx.AsyncClient, body: Any, code: str, field: str | None, said: str
) -> None:
    answer = await client.post("/predict", content=body if isinstance(body, bytes) else json.dumps(body))
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["field"]) == (code, field)
    assert said in error["message"]


async def test_values_far_away_are_answered_with_finite_numbers(client: httpx.AsyncClient) -> None:
    found = (await client.post("/predict", json={"rows": [{**ROW, "age": 1e308}, {**ROW, "age": -1e308}]})).json()
    assert [entry["probability"] for entry in found["predictions"]] == [1.0, pytest.approx(0.0)]


async def test_what_is_for_lists_says_what_this_model_answers(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/recommend", json={"history": [{"id": "1"}]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "WrongTask")
    assert 'POST /predict with {"rows": [{column: value}]}' in answer.json()["error"]["message"]
    shadow = await client.post("/shadow", json={"to": "x", "stable": 1, "samples": []})
    assert (shadow.status_code, shadow.json()["error"]["code"]) == (404, "WrongTask")


async def test_scores_and_unknown_categories_are_counted(client: httpx.AsyncClient) -> None:
    await client.post("/predict", json={"rows": [ROW, {**ROW, "plan": "never seen"}]})
    await client.post("/predict", json={"rows": [{**ROW, "age": "x"}]})
    text = (await client.get("/metrics")).content
    assert sample(text, "recsys_score_count", model=MODEL) == 2
    assert (logit({**ROW, "plan": "never seen"}), logit(ROW)) == (8, 10)
    assert [sample(text, "recsys_score_bucket", le=bound) for bound in ("7.0", "8.0", "10.0")] == [0, 1, 2]
    assert sample(text, "recsys_items_asked_total") == 2
    assert sample(text, "recsys_unknown_items_total") == 1
    assert sample(text, "recsys_requests_total", code="400") == 1


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (Target("y", "Regression", mean=100.0, scale=10.0), {"value": pytest.approx(100 + 10 * logit(ROW), rel=1e-6)}),
        (Target("y", "Multiclass", ("a", "b", "c")), None),
    ],
)
def test_other_objectives(target: Target, expected: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = load(tmp_path, monkeypatch, write_rows_version(tmp_path, Preprocessing(COLUMNS, target)))
    answer = predictor.predict(predictor.parse("predict", json.dumps({"rows": [ROW]}).encode()), "r")
    (found,) = json.loads(answer.body)["predictions"]
    if expected is None:
        odds = [math.exp(logit(ROW) * (k + 1)) for k in range(3)]
        assert found["label"] == "c"
        assert found["probabilities"] == pytest.approx(
            {name: share / sum(odds) for name, share in zip("abc", odds, strict=True)}, rel=1e-5
        )
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"encoded": b""}, "ArtifactUnreadable"),
        ({"encoded": b"{}"}, "ArtifactUnreadable"),
        ({"onnx": b"no graph"}, "ModelUnreadable"),
        ({"onnx": graph_of(BINARY, float("nan"))}, "ModelBroken"),
        ({"onnx": graph_of(Preprocessing(COLUMNS, Target("y", "Multiclass", ("a", "b"))))}, "ModelBroken"),
    ],
)
def test_a_broken_version_is_not_served(
    broken: dict[str, bytes], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = write_rows_version(tmp_path, **broken)  # type: ignore[arg-type]
    with pytest.raises(CannotServe) as refused:
        load(tmp_path, monkeypatch, environment)
    assert refused.value.reason == reason
