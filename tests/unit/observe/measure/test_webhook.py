"""A gate says yes, no or later; whatever else it answers says nothing about the release."""

from typing import Any

import pytest
from aiohttp import web
from tests.unit.observe.measure.conftest import Raw, cut, endless, garbage, raw, serving, silent

from recsys_operator.api.analysis import Metric
from recsys_operator.decide.analysis.facts import Answer, AnswerKind, Question
from recsys_operator.observe.measure import webhook
from recsys_operator.observe.measure.web import Web

QUESTION = Question(
    metric=Metric.model_validate({"name": "desk", "webhook": {"url": "http://desk/", "when": "Pre"}}),
    arm="Canary",
    revision="abc",
    version=8,
    digest="sha256:1",
    weight=10,
    stable_version=7,
    interval_seconds=30,
    occasion="step-2",
    step=2,
)


async def test_a_gate_is_told_what_it_is_about(asking: Web) -> None:
    told: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        told.append((request.method, request.headers["Authorization"], await request.json()))
        return web.Response()

    async with serving(answer) as address:
        document = webhook.document("shop", "movies", "films", QUESTION)
        assert await webhook.post(asking, address, document, "t0ken") == Answer("Passed")
    assert told == [
        (
            "POST",
            "Bearer t0ken",
            {
                "namespace": "shop",
                "deployment": "movies",
                "model": "films",
                "metric": "desk",
                "when": "Pre",
                "version": 8,
                "digest": "sha256:1",
                "revision": "abc",
                "weight": 10,
                "step": 2,
                "stableVersion": 7,
            },
        )
    ]


LONG = {"message": "a\nb " + "x" * 1000}
ANSWERS: list[tuple[int, Any, AnswerKind, str]] = [
    (200, None, "Passed", ""),
    (200, {"message": "by  Ada"}, "Passed", "by Ada"),
    (204, None, "Passed", ""),
    (202, None, "Pending", "the webhook asks to be asked again"),
    (202, {"message": "two of three agreed"}, "Pending", "the webhook asks to be asked again: two of three agreed"),
    *(
        (status, {"message": "revenue fell"}, "Failed", "the webhook says no: revenue fell")
        for status in (403, 409, 412, 422)
    ),
    (403, LONG, "Failed", "the webhook says no: a b " + "x" * 295 + "…"),
    (403, None, "Refused", "answers 403, which is neither yes nor no: it gives no message in JSON"),
    (403, {"message": 5}, "Refused", "gives no message"),
    (403, {"message": " "}, "Refused", "gives no message"),
    (403, {"detail": "RBAC: access denied"}, "Refused", "gives no message"),
    *(
        (status, {"message": "gone"}, "Refused", f"answers {status}, which is neither yes nor no: gone")
        for status in (400, 401, 404, 405, 413)
    ),
    (408, None, "Unavailable", "the webhook answers 408"),
    (429, {"message": "slow down"}, "Unavailable", "the webhook answers 429: slow down"),
    (500, {"message": "no"}, "Unavailable", "the webhook answers 500: no"),
    (503, None, "Unavailable", "the webhook answers 503"),
    (302, None, "Refused", "redirects, which is not followed"),
]


@pytest.mark.parametrize(("status", "body", "kind", "message"), ANSWERS)
async def test_answers(asking: Web, status: int, body: Any, kind: AnswerKind, message: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        if body is None:
            return web.Response(status=status, text="<html>an internal page</html>" if status != 204 else None)
        return web.json_response(body, status=status)

    async with serving(answer) as address:
        found = await webhook.post(asking, address, {})
    assert (found.kind, found.value) == (kind, None)
    assert found.message == message or (message in found.message and status not in (202, 200))
    assert "internal page" not in found.message
    assert "RBAC" not in found.message


@pytest.mark.parametrize(
    ("server", "kind", "message"),
    [
        (silent, "Unavailable", "did not answer within 0.3 s"),
        (garbage, "Unavailable", "cannot be asked"),
        (cut, "Unavailable", "cannot be asked"),
        (endless, "Refused", "more than 65536 bytes"),
    ],
)
async def test_no_answer_is_neither_yes_nor_no(
    asking: Web, server: Raw, kind: AnswerKind, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if server is silent:
        monkeypatch.setattr(webhook, "SECONDS", 0.3)
    async with raw(server) as address:
        found = await webhook.post(asking, address, {})
    assert found.kind == kind
    assert found.message.startswith("the webhook: ")
    assert message in found.message
