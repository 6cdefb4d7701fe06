"""What the plugin loads before its first line: each library here would be felt by whoever waits for it."""

import json
import subprocess
import sys
from unittest import mock

import pytest
from tests.unit.cli.conftest import Cluster
from tests.unit.cli.recorded import SERVING, TRYING, deployment

from recsys_cli import quick
from recsys_cli.app import app
from recsys_cli.line import VERBS, Line
from recsys_cli.problems import Exit

LARGE = {
    *("typer", "rich", "pydantic", "yaml", "markdown_it", "pygments"),
    *("recsys_operator", "kubernetes", "asyncio", "http", "email", "logging"),
}

SPY = """
import atexit, json, runpy, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
sys.argv = ["kubectl-recsys", *sys.argv[1:]]
runpy.run_module("recsys_cli", run_name="__main__")
"""


def loaded(cluster: Cluster, *words: str, code: int = 0) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", SPY, *words], env=cluster.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    return {name.partition(".")[0] for name in json.loads(done.stderr.splitlines()[-1])}


@pytest.mark.parametrize(
    "words", [("get",), ("history", "movies"), ("why", "movies"), ("pause", "movies", "--no-wait")]
)
def test_a_plain_line_needs_none_of_the_large_libraries(cluster: Cluster, words: tuple[str, ...]) -> None:
    cluster.serves(deployment(TRYING))
    assert loaded(cluster, *words) & LARGE == set()


def test_a_picture_needs_rich_only(cluster: Cluster) -> None:
    cluster.serves(deployment(SERVING))
    assert loaded(cluster, "status", "movies") & LARGE == {"rich"}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("--help", 0),
        ("get --help", 0),
        ("promote -h", 0),
        ("get -ojson", 0),
        ("-n shop history movies --", 0),
        ("status", 2),
        ("get --wrong", 2),
        ("launch movies", 2),
    ],
)
def test_help_and_mistakes_and_rare_spellings_need_typer_only(cluster: Cluster, words: str, code: int) -> None:
    cluster.serves(deployment(SERVING))
    assert loaded(cluster, *words.split(), code=code) & LARGE == {"typer"}


def test_a_server_that_cannot_be_reached_needs_none_of_the_large_libraries(cluster: Cluster) -> None:
    cluster.has(failures={"get": "Unable to connect to the server: dial tcp 127.0.0.1:9: connect: connection refused"})
    assert loaded(cluster, "get", code=1) & LARGE == set()


PLAIN = [
    "get",
    "get movies",
    "get -A -l app=shop",
    "get --all-namespaces --selector=app=shop -o yaml",
    "-n north --context west get --kubeconfig /a/b",
    "--namespace=north status -n south movies --watch --timeout 1h",
    "status movies -w",
    "status --output json movies",
    "why movies --context=west",
    "promote movies --full --version v4 --no-wait",
    "promote movies",
    *(f"{verb} movies --version 4 --timeout=5s -o json" for verb in VERBS),
]
NOT_PLAIN = [
    "",
    "status",
    "status movies books",
    "launch movies",
    "movies status",
    "get --help",
    "get -n",
    "get -n --watch",
    "get -ojson",
    "status movies -wn shop",
    "history movies --watch",
    "pause movies --full",
    "status -- movies",
    "get --selector=",
]


def by_typer(words: list[str]) -> Line:
    """The line that Typer makes of these words."""
    seen: list[Line] = []

    def keep(line: Line) -> Exit:
        seen.append(line)
        return Exit.DONE

    with mock.patch.object(Line, "run", keep):
        app(words, standalone_mode=False)
    (line,) = seen
    return line


@pytest.mark.parametrize("text", PLAIN)
def test_a_plain_line_is_understood_as_typer_understands_it(text: str) -> None:
    line = quick.parse(text.split())
    assert line is not None
    assert line == by_typer(text.split())


@pytest.mark.parametrize("text", [*NOT_PLAIN, "history movies -o=json"])
def test_what_is_not_plain_is_left_to_typer(text: str) -> None:
    assert quick.parse(text.split()) is None
