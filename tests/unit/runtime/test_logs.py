"""Logs are JSON, one object a line."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

import recsys_operator
from recsys_operator.logs import JsonFormatter

OPERATOR = str(Path(recsys_operator.__file__).parents[1])


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


@pytest.mark.parametrize(
    ("level", "told"),
    [
        ("info", ["ours info", "ours warning", "kopf warning", "kubernetes warning"]),
        ("warning", ["ours warning", "kopf warning", "kubernetes warning"]),
    ],
)
def test_libraries_speak_from_warnings_on(level: str, told: list[str]) -> None:
    """In a process of its own: the set-up is that of the whole process."""
    speak = """
import logging, sys
from recsys_operator import logs
logs.set_up(sys.argv[1])
for name, word in (("recsys_operator.x", "ours"), ("kopf.x", "kopf"), ("kubernetes.client.rest", "kubernetes")):
    for one in ("debug", "info", "warning"):
        getattr(logging.getLogger(name), one)(f"{word} {one}")
"""
    done = subprocess.run(
        [sys.executable, "-c", speak, level], capture_output=True, text=True, check=True, env={"PYTHONPATH": OPERATOR}
    )
    assert done.stdout == ""
    assert [json.loads(one)["message"] for one in done.stderr.splitlines()] == told
