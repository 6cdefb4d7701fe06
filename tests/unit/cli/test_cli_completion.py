"""Completion, as kubectl asks for it and as a shell does."""

import io
import os
import sys
from contextlib import redirect_stdout
from unittest import mock

import pytest
from tests.unit.cli.conftest import Cluster
from tests.unit.cli.recorded import SERVING, deployment

from recsys_cli import main

NO_FILES = ":4"


def complete(cluster: Cluster, *words: str) -> list[str]:
    """What `kubectl_complete-recsys` prints for these words; the last is the one that is being written."""
    said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with (
        mock.patch.dict(os.environ, cluster.environment, clear=True),
        mock.patch.object(sys, "argv", ["kubectl_complete-recsys", *words]),
        redirect_stdout(said),
    ):
        main.complete()
    *lines, last = said.buffer.getvalue().decode().splitlines()
    assert last == NO_FILES
    return [line.partition("\t")[0] for line in lines]


@pytest.fixture
def shop(cluster: Cluster) -> Cluster:
    cluster.serves(deployment(SERVING), deployment(SERVING, "music"), deployment(SERVING, "far", "north"))
    return cluster


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("re",), ["resume", "retry"]),
        (("status", ""), ["movies", "music"]),
        (("status", "mu"), ["music"]),
        (("abort", "-n", "north", ""), ["far"]),
        (("status", "movies", "--wa"), ["--watch"]),
        (("get", "-o", ""), ["json", "yaml"]),
        (("get", "--context", "n"), ["north"]),
    ],
)
def test_kubectl_asks(shop: Cluster, words: tuple[str, ...], found: list[str]) -> None:
    assert complete(shop, *words) == found


def test_a_cluster_that_does_not_answer_completes_nothing(shop: Cluster) -> None:
    shop.has(failures={"get": "Unable to connect to the server: dial tcp: i/o timeout"})
    assert complete(shop, "status", "") == []


def test_a_shell_asks(shop: Cluster) -> None:
    done = shop.spawn(_KUBECTL_RECSYS_COMPLETE="complete_bash", COMP_WORDS="kubectl-recsys status mo", COMP_CWORD="2")
    assert done.stdout.split() == ["movies"]
