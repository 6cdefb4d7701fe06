"""The latency gate asks the real server as most clients do, and compares what they get with what was evaluated."""

from pathlib import Path

import numpy as np
import pytest
from tests.integration.serve.server_process import WORKERS
from tests.unit.workers.serve.tiny_version import TinyVersion, write_version

from recsys_workers.evaluate import latency

SEEN = [3, 12]
K = 10


def evaluated(version: TinyVersion, *, exclude_seen: bool) -> latency.Question:
    """The list that an evaluation ranks for a user who had SEEN."""
    scores = version.embedding @ version.embedding[SEEN].sum(axis=0)
    ranked = [int(index) + 1 for index in np.argsort(-scores[1:], kind="stable")]
    best = [index for index in ranked if not (exclude_seen and index in SEEN)][:K]
    return latency.Question([str(index) for index in SEEN], [(str(index), float(scores[index])) for index in best])


@pytest.mark.parametrize("served", [False, True])
def test_a_server_that_treats_seen_items_otherwise_than_the_evaluation_is_found(
    served: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(WORKERS))
    version = write_version(tmp_path, exclude_seen=served)
    questions = [evaluated(version, exclude_seen=served), evaluated(version, exclude_seen=not served)]
    session = latency.measure(version.folder, version.environment(), questions, K, 1e-5, good_enough=60_000)
    assert (session.errors, session.compared) == ([], 2)
    assert len(session.different) == 1, "the first list is what is served, the second is not"
