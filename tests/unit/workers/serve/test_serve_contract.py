"""Every bad request names its field; every good one means what the contract says."""

import json

import pytest

from recsys_workers.serve.contract import parse_predict, parse_recommend
from recsys_workers.serve.refusal import Refused

EVENTS = [{"id": "1"}, {"id": "2"}, {"id": "3"}]

BAD = [
    ("", "MalformedJSON", None, "not JSON"),
    ("{", "MalformedJSON", None, "not JSON"),
    ('{"history": []} x', "MalformedJSON", None, "trailing"),
    ("[" * 5000, "MalformedJSON", None, "recursion"),
    ('{"history": [{"id": "\\ud800"}]}', "MalformedJSON", None, "not JSON"),
    ("[]", "InvalidValue", None, "The body is a list of 0 elements, but must be an object."),
    ("null", "InvalidValue", None, "must be an object"),
    ({"histroy": []}, "UnknownField", "histroy", "did you mean history?"),
    ({"zzz": 1}, "UnknownField", "zzz", "the fields are userId, history, k"),
    (
        {"rows": [{"age": 3}]},
        "UnknownField",
        "rows",
        "rows is not a field of the request: this version answers histories, by userId, history, k",
    ),
    ({"history": [{"item": "1"}]}, "UnknownField", "history[0].item", "the fields are id, type, ts"),
    ({"x" * 5000: 1}, "UnknownField", "x" * 64, "is not a field"),
    ({"userId": 7}, "InvalidValue", "userId", 'ids are strings: put it in "quotes"'),
    ({"userId": "u" * 257}, "InvalidValue", "userId", "at most 256 characters"),
    ({"history": None}, "InvalidValue", "history", "history is null, but must be a list."),
    ({"history": {}}, "InvalidValue", "history", "must be a list"),
    ({"history": ["1"]}, "InvalidValue", "history[0]", "must be an object"),
    ({"history": [*EVENTS, {}]}, "MissingField", "history[3].id", "history[3].id is missing."),
    ({"history": [*EVENTS, {"id": 5}]}, "InvalidValue", "history[3].id", "history[3].id is a number"),
    ({"history": [*EVENTS, {"id": True}]}, "InvalidValue", "history[3].id", "is true, but must be a string"),
    ({"history": [*EVENTS, {"id": None}]}, "InvalidValue", "history[3].id", "is null, but must be a string"),
    ({"history": [{"id": ""}]}, "InvalidValue", "history[0].id", "at least 1 character"),
    ({"history": [{"id": "x" * 257}]}, "InvalidValue", "history[0].id", "at most 256 characters"),
    ({"history": [{"id": "1", "when": 3}]}, "UnknownField", "history[0].when", "the fields are id, type, ts"),
    ({"history": [{"id": "1", "type": 3}]}, "InvalidValue", "history[0].type", "string"),
    ({"history": [{"id": "1", "ts": "now"}]}, "InvalidValue", "history[0].ts", "must be a number"),
    ('{"history": [{"id": "1", "ts": NaN}]}', "InvalidValue", "history[0].ts", "finite"),
    ('{"history": [{"id": "1", "ts": 1e999}]}', "InvalidValue", "history[0].ts", "finite"),
    (
        {"history": [{"id": "1", "ts": 5}, {"id": "2"}, {"id": "3", "ts": 4.5}]},
        "InvalidValue",
        "history[2].ts",
        "earlier than history[0].ts",
    ),
    ({"history": [{"id": "1"}] * 5001}, "InvalidValue", "history", "at most 5000 elements"),
    ({"k": 0}, "InvalidValue", "k", "k is 0, but must be at least 1."),
    ({"k": 101}, "InvalidValue", "k", "at most 100"),
    ({"k": -(10**30)}, "InvalidValue", "k", "at least 1"),
    ({"k": "10"}, "InvalidValue", "k", "must be a whole number"),
    ({"k": 10.5}, "InvalidValue", "k", "k is 10.5, but must be a whole number."),
    ({"k": True}, "InvalidValue", "k", "k is true"),
    ({"k": None}, "InvalidValue", "k", "k is null"),
    ('{"k": NaN}', "InvalidValue", "k", "whole number"),
    ({"excludeSeen": 1}, "InvalidValue", "excludeSeen", "true or false"),
    ({"excludeSeen": "yes"}, "InvalidValue", "excludeSeen", "true or false"),
    ({"excludeIds": "1"}, "InvalidValue", "excludeIds", "must be a list"),
    ({"excludeIds": ["1", 2]}, "InvalidValue", "excludeIds[1]", "is a number"),
    ({"excludeIds": ["1"] * 10_001}, "InvalidValue", "excludeIds", "at most 10000 elements"),
    ({"candidates": ["1", ""]}, "InvalidValue", "candidates[1]", "at least 1 character"),
    ({"candidates": {"a": 1}}, "InvalidValue", "candidates", "must be a list"),
    ({"candidates": ["1"] * 10_001}, "InvalidValue", "candidates", "at most 10000 elements"),
    ({"filter": {"genre": ["Comedy"]}}, "NotSupported", "filter", "leave it out"),
    ({"filter": []}, "InvalidValue", "filter", "must be an object"),
    ({"context": {"device": "phone"}}, "NotSupported", "context", "leave it out"),
    ({"context": "x"}, "InvalidValue", "context", "must be an object"),
]

BAD_SIMPLE = [
    ({}, "MissingField", "input", "input is missing."),
    (
        {"rows": [{"age": 3}]},
        "UnknownField",
        "rows",
        "rows is not a field of the request: this version answers histories, by input.",
    ),
    ({"inputs": ["u"]}, "UnknownField", "inputs", "did you mean input?"),
    ({"input": []}, "InvalidValue", "input", "at least 1 element, the user's id"),
    ({"input": "u"}, "InvalidValue", "input", "must be a list"),
    ({"input": ["u", "1", None]}, "InvalidValue", "input[2]", "input[2] is null"),
    ({"input": ["u", True]}, "InvalidValue", "input[1]", "must be a string"),
    ({"input": ["u", 1.5]}, "InvalidValue", "input[1]", "must be a string"),
    ({"input": ["u", ["1"]]}, "InvalidValue", "input[1]", "must be a string"),
    ({"input": ["u", ""]}, "InvalidValue", "input[1]", "at least 1 character"),
    ({"input": ["u"] + ["1"] * 5001}, "InvalidValue", "input", "at most 5001 elements"),
    ({"input": ["u"], "k": 5}, "UnknownField", "k", "the fields are input"),
    ("}", "MalformedJSON", None, "not JSON"),
]


def as_body(content: object) -> bytes:
    return content.encode() if isinstance(content, str) else json.dumps(content).encode()


@pytest.mark.parametrize(("content", "code", "field", "words"), BAD)
def test_a_bad_request_is_refused_with_its_field(content: object, code: str, field: str | None, words: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_recommend(as_body(content))
    assert (refused.value.status, refused.value.code, refused.value.field) == (400, code, field)
    assert words in refused.value.message


@pytest.mark.parametrize(("content", "code", "field", "words"), BAD_SIMPLE)
def test_a_bad_simple_request_is_refused_with_its_field(
    content: object, code: str, field: str | None, words: str
) -> None:
    with pytest.raises(Refused) as refused:
        parse_predict(as_body(content))
    assert (refused.value.status, refused.value.code, refused.value.field) == (400, code, field)
    assert words in refused.value.message


def test_bytes_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(Refused) as refused:
        parse_recommend(b'{"history": [{"id": "\xff\xfe"}]}')
    assert refused.value.status == 400


def test_an_empty_object_asks_for_ten_items_without_history() -> None:
    request = parse_recommend(b"{}")
    assert (request.history, request.k, request.excludeSeen) == ([], 10, None)
    assert (request.excludeIds, request.candidates) == ([], None)


def test_empty_filter_and_context_and_equal_times_are_accepted() -> None:
    events = [{"id": "1", "type": "view", "ts": 5}, {"id": "2", "ts": 5}, {"id": "3"}]
    request = parse_recommend(as_body({"userId": None, "history": events, "filter": {}, "context": {}}))
    assert [event.id for event in request.history] == ["1", "2", "3"]


def test_a_simple_request_is_a_user_and_a_history() -> None:
    request = parse_predict(b'{"input": [42, "7", 8]}')
    assert request.userId == "42"
    assert [event.id for event in request.history] == ["7", "8"]
    assert request.excludeSeen is None
    assert parse_predict(b'{"input": [null]}').history == []
