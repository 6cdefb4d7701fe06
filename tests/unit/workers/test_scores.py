"""The spread of scores: the trainer counts what the server would, in the same buckets."""

import json
from typing import Any

import numpy as np
import pytest
from tests.unit.workers.exposition import sample

from recsys_workers import scores
from recsys_workers.serve.metrics import Metrics
from recsys_workers.serve.recommender import Answer, Fallback

LISTS_UK = np.array(
    [
        [60.0, 50.0, 3.5, 3.0, *[1.0] * 6, *[-30.0] * 5],
        [0.0, -0.5, -20.0, -25.0, *[-np.inf] * 11],
    ],
    dtype=np.float32,
)


def served() -> Metrics:
    metrics = Metrics("movies", 4, "sha256:0")
    for row in LISTS_UK:
        answered = [float(score) for score in row if np.isfinite(score)]
        metrics.answer(Answer(b"", answered, Fallback.NONE, 1, 0))
    return metrics


def test_the_evaluation_counts_what_the_server_counts_for_the_same_lists() -> None:
    metrics = served()
    counts = scores.cumulative(LISTS_UK)
    metrics.evaluation(counts)
    for bound, count in counts.items():
        assert sample(metrics.exposition(), "recsys_score_bucket", le=bound) == count, bound
        assert sample(metrics.exposition(), "recsys_evaluation_score_bucket", le=bound) == count, bound
    assert len(counts) == len(scores.BUCKETS) + 1


def test_only_the_first_ten_finite_scores_count() -> None:
    counts = scores.cumulative(LISTS_UK)
    assert (counts["-20.0"], counts["-1.0"], counts["0.0"], counts["1.0"], counts["50.0"], counts["+Inf"]) == (
        2, 2, 4, 10, 13, 14,
    )  # fmt: skip


def test_a_user_whose_scores_are_nan_is_left_out() -> None:
    broken = np.array([[np.nan] * 3, [2.0, 1.5, 1.0]], dtype=np.float32)
    assert scores.cumulative(broken)["+Inf"] == 3


def test_what_is_written_is_read_again() -> None:
    counts = scores.cumulative(LISTS_UK)
    assert scores.parse(json.loads(json.dumps(scores.document(counts)))) == counts


def wrong(**changes: Any) -> dict[str, Any]:
    return scores.document(scores.cumulative(LISTS_UK)) | changes


@pytest.mark.parametrize(
    "found",
    [
        None,
        [],
        {},
        wrong(first=20),
        wrong(atMost=None),
        wrong(atMost={"1.0": 3, "+Inf": 4}),
        wrong(atMost=dict.fromkeys(scores.LABELS, 0.5)),
        wrong(atMost=dict.fromkeys(scores.LABELS, True)),
        wrong(atMost=dict.fromkeys(scores.LABELS, -1)),
        wrong(atMost={**dict.fromkeys(scores.LABELS, 5), "+Inf": 4}),
    ],
)
def test_other_buckets_or_nonsense_are_no_scores(found: object) -> None:
    assert scores.parse(found) is None
