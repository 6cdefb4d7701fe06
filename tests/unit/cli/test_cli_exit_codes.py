"""Every exit code, with the sentence that comes with it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cli.conftest import Cluster
from tests.unit.cli.recorded import (
    ABORTED,
    BLOCKED,
    CANARY,
    PODS,
    PROMOTED,
    SERVING,
    TRYING,
    condition,
    deployment,
    history,
)

from recsys_cli.problems import Exit

DONE = {"promote": ["Done", "Version 4 goes on to the next step."]}
IGNORED = {"promote": ["Ignored", "Version 4 is at no step that waits."]}


def test_0_when_it_is_done(cluster: Cluster) -> None:
    cluster.serves(deployment(TRYING))
    cluster.has(answers=DONE)
    done = cluster.run("promote", "movies")
    assert (done.returncode, done.stderr) == (Exit.DONE, "")
    assert done.stdout == "Deployment shop/movies: Done. Version 4 goes on to the next step.\n"


def test_1_when_the_object_is_not_there(cluster: Cluster) -> None:
    cluster.serves(deployment(SERVING), deployment(SERVING, "books"))
    done = cluster.run("status", "music")
    assert (done.returncode, done.stdout) == (Exit.ERROR, "")
    assert done.stderr == "error: There is no Deployment music in namespace shop. There are: movies, books.\n"


def test_1_when_there_is_no_canary(cluster: Cluster) -> None:
    cluster.serves(deployment(SERVING))
    done = cluster.run("abort", "movies")
    assert done.returncode == Exit.ERROR
    assert done.stderr == (
        "error: Deployment shop/movies has no canary: there is nothing to abort. Version 1 is stable.\n"
    )
    assert not any("annotate" in call for call in cluster.calls)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('error: the server doesn\'t have a resource type "deployments"', "does not know the kinds of recsys.dev"),
        (
            'Error from server (Forbidden): deployments.recsys.dev "movies" is forbidden: User "eve" cannot get',
            "You lack a right: deployments",
        ),
        ("error: You must be logged in to the server (Unauthorized)", "The API server does not know you"),
        (
            "The connection to the server 127.0.0.1:6443 was refused - did you specify the right host or port?",
            "The API server did not answer: The connection to the server 127.0.0.1:6443 was refused",
        ),
        ('error: context "west" does not exist', 'kubectl said: context "west" does not exist.'),
    ],
)
def test_1_with_what_kubectl_complains_of(cluster: Cluster, said: str, told: str) -> None:
    cluster.has(failures={"get": said})
    done = cluster.run("status", "movies")
    assert (done.returncode, done.stdout) == (Exit.ERROR, "")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_1_without_kubectl(cluster: Cluster, tmp_path: Path) -> None:
    done = cluster.run("get", PATH=str(tmp_path))
    assert done.returncode == Exit.ERROR
    assert done.stderr.startswith("error: kubectl could not be started (No such file or directory): install it")


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("status", "movies", "--colour"),
        ("launch", "movies"),
        ("get", "-o", "xml"),
        ("status", "movies", "-w", "-o", "json"),
        ("status", "movies", "-w", "--timeout", "soon"),
        ("promote", "movies", "--version", "four"),
    ],
)
def test_2_when_the_command_line_is_wrong(cluster: Cluster, words: tuple[str, ...]) -> None:
    done = cluster.run(*words)
    assert (done.returncode, done.stdout) == (Exit.USAGE, "")
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_3_when_the_operator_ignores_it(cluster: Cluster) -> None:
    cluster.serves(deployment(TRYING))
    cluster.has(answers=IGNORED)
    done = cluster.run("promote", "movies")
    assert (done.returncode, done.stdout) == (Exit.IGNORED, "")
    assert done.stderr == "Deployment shop/movies: Ignored. Version 4 is at no step that waits.\n"


@pytest.mark.parametrize(
    ("events", "code", "told"),
    [
        ([PROMOTED], Exit.DONE, "Version 4 was promoted: Version 4 serves all requests."),
        ([BLOCKED], Exit.TAKEN_BACK, "Version 4 was rolled back (Alert): RecsysLatency: p99"),
        ([ABORTED], Exit.TAKEN_BACK, "Version 4 was taken back (AbortedByCommand): It was aborted by command."),
    ],
)
def test_watching_ends_as_the_rollout_ends(cluster: Cluster, events: list[Any], code: Exit, told: str) -> None:
    cluster.serves(deployment(TRYING), pods=PODS)
    cluster.has(events={"deployments.recsys.dev": [("MODIFIED", deployment(one)) for one in events]})
    done = cluster.run("status", "movies", "--watch", "--timeout", "50s")
    assert done.returncode == code
    assert told in (done.stderr if code else done.stdout)


def test_4_when_what_is_asked_for_is_blocked_already(cluster: Cluster) -> None:
    cluster.serves(deployment(BLOCKED))
    done = cluster.run("status", "movies", "-w", "--timeout", "50s")
    assert done.returncode == Exit.TAKEN_BACK
    assert "No rollout is under way (VersionBlocked). Version 4 was taken back" in done.stderr


def test_4_when_the_first_version_does_not_come(cluster: Cluster) -> None:
    """It is not taken back, as there is nothing to go back to, so nothing else would end the watch."""
    said = condition("False", "PodsFailed", "Version 4: 0 %. Its pods crash.")
    cluster.serves(deployment({"canary": {**CANARY, "weight": 0, "step": 0}, "conditions": [said]}))
    done = cluster.run("status", "movies", "-w", "--timeout", "50s")
    assert done.returncode == Exit.TAKEN_BACK
    assert "The first version does not come (PodsFailed). Version 4: 0 %. Its pods crash." in done.stderr


def test_a_rollout_that_is_superseded_goes_on_as_the_next(cluster: Cluster) -> None:
    cluster.serves(deployment(TRYING))
    gone = history(1, 4, "Superseded", "NewerRevision", "Version 5 is asked for instead.", 300)
    between = {**TRYING, "canary": None, "history": [*TRYING["history"], gone]}
    between.pop("canary")
    after = {**PROMOTED, "history": [*between["history"], *PROMOTED["history"][1:]]}
    cluster.has(events={"deployments.recsys.dev": [("MODIFIED", deployment(one)) for one in (between, after)]})
    done = cluster.run("status", "movies", "-w", "--timeout", "50s")
    assert done.returncode == Exit.DONE
    assert "was promoted" in done.stdout


def test_5_when_the_rollout_takes_too_long(cluster: Cluster) -> None:
    cluster.serves(deployment(TRYING))
    done = cluster.run("status", "movies", "--watch", "--timeout", "1s")
    assert done.returncode == Exit.TIMEOUT
    assert "The rollout of Deployment shop/movies has not ended in time: Version 4: 10 %" in done.stderr


def test_5_when_the_operator_is_silent(cluster: Cluster) -> None:
    cluster.serves(deployment(TRYING))
    done = cluster.run("promote", "movies", "--timeout", "1s")
    assert done.returncode == Exit.TIMEOUT
    assert "The operator has not answered within 1s. Deployment shop/movies keeps the annotation " in done.stderr


def test_the_deployment_is_deleted_while_it_is_watched(cluster: Cluster) -> None:
    cluster.serves(deployment(TRYING))
    cluster.has(events={"deployments.recsys.dev": [("DELETED", deployment(TRYING))]})
    done = cluster.run("status", "movies", "--watch", "--timeout", "50s")
    assert (done.returncode, done.stderr) == (Exit.ERROR, "error: Deployment shop/movies was deleted.\n")


def test_the_process_ends_with_the_code(cluster: Cluster) -> None:
    cluster.serves(deployment(TRYING))
    cluster.has(answers=IGNORED)
    done = cluster.spawn("promote", "movies")
    assert (done.returncode, done.stdout) == (Exit.IGNORED, "")
    assert done.stderr == "Deployment shop/movies: Ignored. Version 4 is at no step that waits.\n"


def test_a_reader_that_goes_away_is_no_traceback(cluster: Cluster) -> None:
    """As in `kubectl recsys get -o json | head -1`."""
    cluster.serves(*(deployment(SERVING, f"movies-{number}") for number in range(500)))
    process = subprocess.Popen(
        [sys.executable, "-m", "recsys_cli", "get", "-o", "json"],
        env=cluster.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stderr
    process.stdout.read(1)
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    process.wait(60)
    assert said == b""
