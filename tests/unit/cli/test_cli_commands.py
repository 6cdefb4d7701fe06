"""Commands: which version they name, which annotation they write, what they print."""

import json
import re
from typing import Any

import pytest
from tests.unit.cli.conftest import Cluster
from tests.unit.cli.recorded import BLOCK, SERVING, TRYING, deployment

from recsys_cli.commands import version_of
from recsys_cli.line import VERBS
from recsys_cli.problems import Exit, Problem
from recsys_cli.read import rollout

ABORTED = {**BLOCK, "version": 3, "cause": "AbortedByCommand", "message": "By command."}


def annotation(cluster: Cluster) -> tuple[str, str]:
    """The one annotation that was written."""
    (call,) = [call for call in cluster.calls if "annotate" in call]
    assert "--overwrite" in call
    assert "--field-manager=kubectl-recsys" in call
    key, _, value = call[[word.startswith("recsys.dev/") for word in call].index(True)].partition("=")
    return key, value


def blocking(*blocks: Any, **spec: Any) -> Any:
    return deployment({**SERVING, "blocked": list(blocks)}, **spec)


@pytest.mark.parametrize(
    ("words", "name", "version"),
    [
        (["promote"], "promote", 4),
        (["promote", "--full"], "promote-full", 4),
        (["pause"], "pause", 4),
        (["resume"], "resume", 4),
        (["abort"], "abort", 4),
        (["undo"], "undo", 1),
        (["retry"], "retry", 3),
        (["unblock"], "unblock", 3),
    ],
)
def test_it_names_the_version_that_was_read(cluster: Cluster, words: list[str], name: str, version: int) -> None:
    cluster.serves(deployment({**TRYING, "blocked": [ABORTED]}))
    cluster.has(answers={name: ["Done", "So be it."]})
    done = cluster.run(*words, "movies")
    assert (done.returncode, done.stdout) == (Exit.DONE, "Deployment shop/movies: Done. So be it.\n")
    key, value = annotation(cluster)
    assert key == f"recsys.dev/{name}"
    assert re.fullmatch(rf"v{version}/\d{{8}}T\d{{6}}Z-[0-9a-f]{{6}}", value)


def test_an_answer_is_found_however_kubectl_breaks_its_lines(cluster: Cluster) -> None:
    cluster.serves(deployment(TRYING))
    cluster.has(answers={"pause": ["Done", "Held."]})
    assert cluster.run("pause", "movies", FAKE_KUBECTL_INDENT="1").returncode == Exit.DONE


def test_each_command_has_an_id_of_its_own(cluster: Cluster) -> None:
    cluster.serves(deployment(TRYING))
    for _ in range(2):
        assert cluster.run("pause", "movies", "--no-wait").returncode == Exit.DONE
    values = [call for call in cluster.calls if "annotate" in call]
    assert values[0] != values[1]


def test_an_old_answer_is_none(cluster: Cluster) -> None:
    """The status still tells of an earlier command: that is not what is waited for."""
    old = {"command": "pause", "argument": "v4/old", "outcome": "Ignored", "message": "Old.", "time": "T"}
    cluster.serves(deployment({**TRYING, "commands": [old], "lastCommand": old}))
    assert cluster.run("pause", "movies", "--timeout", "1s").returncode == Exit.TIMEOUT


def test_no_wait_tells_what_was_written(cluster: Cluster) -> None:
    cluster.serves(deployment(TRYING))
    done = cluster.run("pause", "movies", "--no-wait")
    key, value = annotation(cluster)
    assert done.stdout == (
        f"Deployment shop/movies: wrote {key}={value}; the operator's answer will stand in status.commands.\n"
    )


@pytest.mark.parametrize("flags", [["--no-wait"], []])
def test_json(cluster: Cluster, flags: list[str]) -> None:
    cluster.serves(deployment(TRYING))
    cluster.has(answers={"promote-full": ["Done", "So be it."]})
    done = cluster.run("promote", "movies", "--full", "-o", "json", *flags)
    told = json.loads(done.stdout)
    assert told["command"] == "promote-full"
    assert told["argument"] == annotation(cluster)[1]
    assert told["outcome"] == ("Written" if flags else "Done")


def test_a_version_may_be_named(cluster: Cluster) -> None:
    cluster.serves(blocking(BLOCK, ABORTED))
    cluster.has(answers={"unblock": ["Done", "Version 4 may be tried again."]})
    assert cluster.run("unblock", "movies", "--version", "v4").returncode == Exit.DONE
    assert annotation(cluster)[1].startswith("v4/")


@pytest.mark.parametrize(
    ("verb", "obj", "told"),
    [
        ("unblock", blocking(), "blocks no version: there is nothing to unblock. Version 1 is stable."),
        (
            "unblock",
            blocking(BLOCK, ABORTED),
            "blocks version 4 (Alert), version 3 (AbortedByCommand): choose one with --version.",
        ),
        ("retry", blocking(BLOCK), "which retry does not lift: use `kubectl recsys unblock movies -n shop`"),
        ("undo", deployment({}), "has no stable version yet: there is nothing to undo."),
        ("resume", deployment({}), "has no canary: there is nothing to resume. No version serves yet."),
    ],
)
def test_what_cannot_be_is_refused_with_what_was_found(verb: str, obj: Any, told: str) -> None:
    with pytest.raises(Problem, match=re.escape(told)):
        version_of(rollout(obj), verb, None)


def test_the_pinned_version_is_meant_where_several_are_blocked() -> None:
    assert version_of(rollout(blocking(ABORTED, BLOCK, version={"pin": 4})), "unblock", None) == 4


def test_retry_means_the_one_that_it_can_lift() -> None:
    assert version_of(rollout(blocking(BLOCK, ABORTED)), "retry", None) == 3


def test_flags_of_kubectl_are_passed_on_wherever_they_stand(cluster: Cluster) -> None:
    cluster.serves(deployment(TRYING, namespace="north"))
    cluster.has(answers={"pause": ["Done", "Held."]})
    done = cluster.run("--context", "west", "-n", "south", "pause", "movies", "-n", "north", "--kubeconfig", "/a/b")
    assert done.returncode == Exit.DONE
    for call in cluster.calls:
        assert call[:3] == ["--context=west", "--namespace=north", "--kubeconfig=/a/b"]


def test_every_command_of_the_operator_is_there() -> None:
    from recsys_operator.api import rollout as types

    names = {*VERBS, "promote-full"}
    assert set(types.COMMANDS) == names
