"""Logs are JSON, one object a line."""

import json
import logging
import sys

from recsys_operator.logs import JsonFormatter


def line(name: str = "recsys_operator", **extra: object) -> dict[str, object]:
    record = logging.getLogger(name).makeRecord(name, logging.INFO, "f", 1, "a %s", ("b",), None, extra=extra)
    found: dict[str, object] = json.loads(JsonFormatter().format(record))
    return found


def test_extras_become_fields() -> None:
    found = line(object="shop/movies", uid="u1")
    assert (found["message"], found["level"], found["object"], found["uid"]) == ("a b", "info", "shop/movies", "u1")
    assert str(found["time"]).endswith("Z")


def test_what_is_no_json_is_written_as_text() -> None:
    assert line(error=ValueError("x"))["error"] == "x"


def test_kopf_does_not_fill_the_log_with_objects() -> None:
    assert "k8s_ref" not in line("kopf.objects", k8s_ref={"spec": {}})


def test_exceptions_stay_on_one_line() -> None:
    try:
        raise RuntimeError("two\nlines")
    except RuntimeError:
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "failed", (), sys.exc_info())
    text = JsonFormatter().format(record)
    assert "\n" not in text
    assert "RuntimeError" in json.loads(text)["exception"]
