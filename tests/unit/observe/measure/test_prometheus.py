"""What Prometheus may answer, and which of it is a number, no evidence, or a wrong question."""

import json
from typing import Any

import pytest
from aiohttp import web
from tests.unit.observe.measure.conftest import Raw, cut, endless, garbage, raw, serving, silent

from recsys_operator.decide.analysis.facts import AnswerKind
from recsys_operator.observe.measure import prometheus
from recsys_operator.observe.measure.prometheus import UnknownVariable, filled
from recsys_operator.observe.measure.web import Web

VARIABLES = {"namespace": "shop", "deployment": "movies", "version": "7", "interval": "30s"}


def test_variables_are_filled_in() -> None:
    query = 'sum(rate(errors{namespace="{{namespace}}",version="{{ version }}"}[{{interval}}])) / {{version}}'
    assert filled(query, VARIABLES) == 'sum(rate(errors{namespace="shop",version="7"}[30s])) / 7'


def test_a_value_is_not_filled_in_again() -> None:
    assert filled("{{namespace}}", {**VARIABLES, "namespace": "{{version}}"}) == "{{version}}"


def test_braces_that_are_no_variable_stay() -> None:
    assert filled('a{b="c"} and {d="{"}', VARIABLES) == 'a{b="c"} and {d="{"}'


@pytest.mark.parametrize("variable", ["{{revision}}", "{{}}", "{{ Namespace }}", "{{args.namespace}}"])
def test_a_variable_that_there_is_not_is_named(variable: str) -> None:
    with pytest.raises(UnknownVariable) as error:
        filled(f"up == {variable}", VARIABLES)
    assert str(error.value).startswith(f"the query names {variable}, but there are only {{{{namespace}}}}")


def success(kind: str, result: Any, **more: Any) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": kind, "result": result}, **more}


def vector(*values: Any, **more: Any) -> dict[str, Any]:
    return success(
        "vector", [{"metric": {"pod": str(at)}, "value": [1.5, value]} for at, value in enumerate(values)], **more
    )


def failure(kind: str, message: str) -> dict[str, Any]:
    return {"status": "error", "errorType": kind, "error": message}


PARSING = failure("bad_data", 'invalid parameter "query": 1:5: parse error: unexpected end of input')
ANSWERS: list[tuple[int, Any, AnswerKind, float | None, str]] = [
    (200, vector("0.25"), "Value", 0.25, ""),
    (200, vector("-1e-3"), "Value", -0.001, ""),
    (200, success("scalar", [1.5, "3"]), "Value", 3, ""),
    (200, vector("1", warnings=["no store matched"]), "Value", 1, 'it warns: ["no store matched"]'),
    (200, vector(), "Empty", None, "the query finds no series"),
    (200, vector(warnings=["a"]), "Empty", None, 'finds no series; it warns: ["a"]'),
    (200, vector("1", "2", "3"), "SeveralSeries", None, "finds 3 series: aggregate them"),
    (200, vector("NaN"), "NotANumber", None, "gives NaN"),
    (200, vector("+Inf"), "NotANumber", None, "gives +Inf"),
    (200, success("scalar", [1.5, "-Inf"]), "NotANumber", None, "gives -Inf"),
    (200, vector("9" * 5000), "NotANumber", None, "gives 999"),
    (
        200,
        success("matrix", [{"metric": {}, "values": [[1, "1"]]}]),
        "Refused",
        None,
        "gives a matrix: it must give one number",
    ),
    (200, success("string", [1, "a"]), "Refused", None, "gives a string"),
    (200, success("vector", [{"metric": {}, "histogram": [1, {}]}]), "Refused", None, "gives a histogram"),
    (200, vector("one"), "Refused", None, "has no number"),
    (200, vector(None), "Refused", None, "has no number"),
    (200, success("vector", [{"metric": {}, "value": "1"}]), "Refused", None, "has no number"),
    (200, success("vector", ["1"]), "Refused", None, "histogram"),
    (200, success("vector", {"a": 1}), "Refused", None, "gives a vector"),
    (200, {"status": "success", "data": []}, "Refused", None, "result of no type"),
    (200, {"status": "success"}, "Refused", None, "result of no type"),
    (200, {"items": []}, "Refused", None, "answers 200: is this the address of a Prometheus?"),
    (200, [], "Refused", None, "is this the address of a Prometheus?"),
    (200, PARSING, "Refused", None, "parse error"),
    (400, PARSING, "Refused", None, '(bad_data): invalid parameter "query": 1:5: parse error: unexpected end of input'),
    (
        422,
        failure("execution", "many-to-many\n matching not allowed"),
        "Refused",
        None,
        "422 (execution): many-to-many matching not allowed",
    ),
    (401, None, "Refused", None, "answers 401: is this the address"),
    (403, {"error": "no"}, "Refused", None, "answers 403: no"),
    (404, None, "Refused", None, "answers 404: is this the address"),
    (429, None, "Unavailable", None, "answers 429"),
    (500, failure("internal", "x" * 1000), "Unavailable", None, "(internal): " + "x" * 299 + "…"),
    (
        503,
        failure("timeout", "query timed out in expression evaluation"),
        "Unavailable",
        None,
        "(timeout): query timed out",
    ),
    (502, None, "Unavailable", None, "answers 502"),
]


@pytest.mark.parametrize(("status", "body", "kind", "value", "message"), ANSWERS)
async def test_answers(
    asking: Web, status: int, body: Any, kind: AnswerKind, value: float | None, message: str
) -> None:
    async def answer(request: web.Request) -> web.Response:
        assert (request.method, request.path) == ("POST", "/prefix/api/v1/query")
        form = await request.post()
        assert form["query"] == "up{a='b'} + 1"
        text = "<html>an internal page</html>" if body is None else json.dumps(body)
        return web.Response(status=status, text=text)

    async with serving(answer) as address:
        found = await prometheus.ask(asking, f"{address}/prefix/", "up{a='b'} + 1")
    assert (found.kind, found.value) == (kind, value)
    assert message in found.message
    assert "internal page" not in found.message
    assert len(found.message) < 400


@pytest.mark.parametrize("status", [405, 501])
async def test_a_proxy_that_takes_no_post_is_asked_by_get(asking: Web, status: int) -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.method == "POST":
            return web.Response(status=status)
        return web.json_response(vector(str(len(request.query["query"]))))

    async with serving(answer) as address:
        assert (await prometheus.ask(asking, address, "a + b")).value == 5


async def test_the_token_is_sent(asking: Web) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response(vector("1"), status=200 if request.headers["Authorization"] == "Bearer t0ken" else 401)

    async with serving(answer) as address:
        assert (await prometheus.ask(asking, address, "up", "t0ken")).kind == "Value"
        wrong = await prometheus.ask(asking, address, "up", "other")
    assert wrong.kind == "Refused"
    assert "other" not in wrong.message


@pytest.mark.parametrize(
    ("server", "kind", "message"),
    [
        (silent, "Unavailable", "did not answer within 0.3 s"),
        (garbage, "Unavailable", "cannot be asked"),
        (cut, "Unavailable", "cannot be asked"),
        (endless, "Refused", "more than 20000 bytes"),
    ],
)
async def test_no_answer_is_told_apart(
    asking: Web, server: Raw, kind: AnswerKind, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if server is silent:
        monkeypatch.setattr(prometheus, "SECONDS", 0.3)
    monkeypatch.setattr(prometheus, "LIMIT", 20_000)
    async with raw(server) as address:
        found = await prometheus.ask(asking, address, "up")
    assert found.kind == kind
    assert found.message.startswith("Prometheus: ")
    assert message in found.message
