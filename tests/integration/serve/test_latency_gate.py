"""The latency gate asks the real server as most clients do, and compares what they get with what was evaluated."""

from pathlib import Path

import numpy as np
import pytest
from tests.integration.serve.server_process import WORKERS
from tests.unit.workers.serve.tiny_version import TinyVersion, write_version

from recsys_workers.evaluate import latency

K = 10


def evaluated(version: TinyVersion, seen: list[int], *, exclude_seen: bool) -> latency.Question:
    """The list that an evaluation ranks for a user who had `seen`; the tiny version finds 3 and 12 best after them."""
    scores = version.embedding @ version.embedding[seen].sum(axis=0)
    ranked = [int(index) + 1 for index in np.argsort(-scores[1:], kind="stable")]
    best = [index for index in ranked if not (exclude_seen and index in seen)][:K]
    return latency.Question([str(index) for index in seen], [(str(index), float(scores[index])) for index in best])


@pytest.mark.parametrize("served", [False, True])
def test_a_server_that_treats_seen_items_otherwise_than_the_evaluation_is_found(
    served: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(WORKERS))
    version = write_version(tmp_path, exclude_seen=served)
    alike = evaluated(version, [3, 12], exclude_seen=served)
    otherwise = evaluated(version, [3, 12, 7], exclude_seen=not served)
    asks = [latency.of_list(question, K, 1e-5) for question in (alike, otherwise)]
    session = latency.measure(version.folder, version.environment(), asks, good_enough=60_000)
    assert (session.errors, session.compared) == ([], 2)
    (difference,) = session.different
    assert difference.startswith("a user with 3 items: ")
