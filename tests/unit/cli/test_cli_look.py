"""get, status, history and why by a real process: documents for programs, and no colour where no terminal is."""

import json
import os
import pty
import re
import select
import subprocess
import sys
from typing import Any

import pytest
import yaml
from tests.unit.cli.conftest import Cluster
from tests.unit.cli.recorded import (
    ANALYSIS,
    BLOCKED,
    CANARY,
    PODS,
    PROMOTED,
    SERVING,
    TRYING,
    condition,
    deployment,
    failed_run,
    recmodel,
)

ESCAPE = "\x1b["


def test_get(cluster: Cluster) -> None:
    cluster.serves(deployment(TRYING), deployment(SERVING, "books"), deployment(SERVING, "far", "north"))
    lines = cluster.run("get").stdout.splitlines()
    assert [line.split()[:5] for line in lines] == [
        ["NAME", "MODEL", "STABLE", "CANARY", "WEIGHT"],
        ["movies", "movies", "1", "4", "10"],
        ["books", "movies", "1", "-", "-"],
    ]
    every = cluster.run("get", "-A").stdout.splitlines()
    assert every[0].split()[0] == "NAMESPACE"
    assert every[3].split()[:2] == ["north", "far"]
    one = cluster.run("get", "movies", "-o", "json")
    assert json.loads(one.stdout)["step"] == "2/4 pause 5m"


@pytest.mark.parametrize("flags", [(), ("-A",)])
def test_get_where_there_is_none(cluster: Cluster, flags: tuple[str, ...]) -> None:
    done = cluster.run("get", *flags)
    place = "any namespace" if flags else "namespace shop"
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"There is no Deployment of recsys.dev in {place}.\n"
    assert json.loads(cluster.run("get", *flags, "-o", "json").stdout) == []


def test_status_as_a_document(cluster: Cluster) -> None:
    cluster.serves(deployment({**TRYING, "canary": {**CANARY, "analysis": ANALYSIS}}), pods=PODS)
    told = json.loads(cluster.run("status", "movies", "-o", "json").stdout)
    assert yaml.safe_load(cluster.run("status", "movies", "-o", "yaml").stdout) == told
    assert [(one["role"], one["version"], one["weight"], len(one["pods"])) for one in told["versions"]] == [
        ("canary", 4, 10, 2),
        ("stable", 1, 90, 2),
    ]
    assert [one["state"] for one in told["steps"]] == ["Done", "Now", "Next", "Next"]
    assert [(one["name"], one["phase"]) for one in told["analysis"]] == [
        ("success-rate", "Running"),
        ("p99", "Inconclusive"),
        ("empty", "Failed"),
    ]


def test_status_without_the_right_to_read_pods(cluster: Cluster) -> None:
    cluster.serves(deployment(TRYING))
    cluster.has(failures={"pods": 'Error from server (Forbidden): pods is forbidden: User "eve" cannot list'})
    done = cluster.run("status", "movies")
    assert done.returncode == 0
    assert "v4 canary" in done.stdout
    assert done.stderr.startswith("Pods are not shown. You lack a right: pods is forbidden")


def test_history(cluster: Cluster) -> None:
    cluster.serves(deployment(BLOCKED))
    told = json.loads(cluster.run("history", "movies", "-o", "json").stdout)
    assert [(one["to"], one["verdict"]) for one in told] == [(4, "RolledBack"), (1, "Promoted")]
    assert "1 → 4" in cluster.run("history", "movies").stdout.splitlines()[1]


def test_why_asks_the_run_of_a_version_that_failed(cluster: Cluster) -> None:
    cluster.serves(deployment(SERVING), models=[recmodel("Passed", "Failed")], runs=[failed_run(2)])
    done = cluster.run("why", "movies")
    assert done.returncode == 0
    assert "Version 2 failed its gates (accurate: NDCG@10 is 0.021" in done.stdout
    told = json.loads(cluster.run("why", "movies", "-o", "json").stdout)
    assert (told["newest"], told["asksFor"], told["stable"]) == (2, 1, 1)
    assert told["why"] == done.stdout.strip()


@pytest.mark.parametrize("words", [("get",), ("status", "movies"), ("history", "movies"), ("why", "movies")])
def test_no_colour_into_a_pipe(cluster: Cluster, words: tuple[str, ...]) -> None:
    cluster.serves(deployment(BLOCKED), pods=PODS, models=[recmodel("Passed")])
    done = cluster.run(*words)
    assert done.stdout
    assert ESCAPE not in done.stdout + done.stderr


def test_no_line_is_cut_in_a_pipe(cluster: Cluster) -> None:
    command = "kubectl -n shop annotate rdep movies --overwrite recsys.dev/promote=v4/$(date +%s)"
    said = f"Version 4: 50 % (step 4 of 4), and all that is said before it. It waits for the command promote: {command}"
    cluster.serves(deployment({**TRYING, "conditions": [condition("False", "AwaitingPromotion", said)]}), pods=PODS)
    assert f"AwaitingPromotion  {said}" in cluster.run("status", "movies", COLUMNS="").stdout.splitlines()
    assert command not in cluster.run("status", "movies", COLUMNS="80").stdout, "COLUMNS asks for it"


def on_terminal(cluster: Cluster, *words: str, **variables: str) -> tuple[int, str]:
    """What the process writes to a terminal."""
    ours, theirs = pty.openpty()
    environment = {**cluster.environment, "TERM": "xterm-256color", **variables}
    process = subprocess.Popen(
        [sys.executable, "-m", "recsys_cli", *words], env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    written = b""
    while select.select([ours], [], [], 60)[0]:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        written += piece
    os.close(ours)
    return process.wait(60), written.decode()


def test_colour_on_a_terminal_unless_it_is_not_wanted(cluster: Cluster) -> None:
    cluster.serves(deployment(BLOCKED), pods=PODS)
    code, coloured = on_terminal(cluster, "status", "movies")
    assert code == 0
    assert f"{ESCAPE}1;31mVersionBlocked" in coloured
    _, plain = on_terminal(cluster, "status", "movies", NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", plain)
    assert "VersionBlocked" in plain


def test_watching_on_a_terminal_draws_until_the_end(cluster: Cluster) -> None:
    further: Any = {**TRYING, "canary": {**CANARY, "weight": 50, "step": 3}}
    cluster.serves(deployment(TRYING), pods=PODS)
    events = [("MODIFIED", deployment(further)), ("MODIFIED", deployment(PROMOTED))]
    cluster.has(events={"deployments.recsys.dev": events})
    code, drawn = on_terminal(cluster, "status", "movies", "-w", "--timeout", "50s")
    assert code == 0
    assert "v4 canary" in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn)
    assert drawn.rstrip().endswith("Version 4 was promoted: Version 4 serves all requests.")
    assert "Traceback" not in drawn


def test_watching_into_a_pipe_tells_a_line_a_change(cluster: Cluster) -> None:
    cluster.serves(deployment(TRYING))
    cluster.has(events={"deployments.recsys.dev": [("MODIFIED", deployment(PROMOTED))]})
    done = cluster.run("status", "movies", "-w", "--timeout", "50s")
    first, *_ = done.stdout.splitlines()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ v4 10 %, v1 90 %; step 2/4 pause 5m; "
        r"Progressing: Version 4: 10 % \(step 2 of 4\)\.",
        first,
    )


def test_a_watch_that_breaks_is_begun_again(cluster: Cluster) -> None:
    """kubectl ends at once, with what there was: the next one tells the rest."""
    cluster.serves(deployment(TRYING))
    cluster.has(events={"deployments.recsys.dev": [("MODIFIED", deployment(PROMOTED))]})
    done = cluster.run("status", "movies", "-w", "--timeout", "50s", FAKE_KUBECTL_SILENCE="0")
    assert (done.returncode, "was promoted" in done.stdout) == (0, True)


def test_watching_without_the_right_to_read_pods(cluster: Cluster) -> None:
    cluster.serves(deployment(TRYING))
    cluster.has(
        failures={"pods": 'Error from server (Forbidden): pods is forbidden: User "eve" cannot list'},
        events={"deployments.recsys.dev": [("MODIFIED", deployment(PROMOTED))]},
    )
    done = cluster.run("status", "movies", "-w", "--timeout", "50s")
    assert (done.returncode, "right" in done.stdout + done.stderr) == (0, False)
