"""GAUC against its definition, one user after the other; its interval by simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_workers.evaluate.metrics import UnknownMetric, estimate
from recsys_workers.predictions import Outputs
from recsys_workers.preprocessing import BINARY, Floats, Target
from recsys_workers.tabular.metrics import Rows, per_row

TARGET = Target("y", BINARY, ("0", "1"))
ROW = st.tuples(st.sampled_from([-1.0, 0.0, 0.5, 2.0]), st.integers(0, 1), st.integers(0, 4))


def gauc(rows: list[tuple[float, int, int]]) -> float:
    """The mean of the AUC of each user with both classes, weighted by his rows."""
    total = weights = 0.0
    for user in {row[2] for row in rows}:
        own = [row for row in rows if row[2] == user]
        up, down = ([score for score, label, _ in own if label == wanted] for wanted in (1, 0))
        if up and down:
            wins = sum(1.0 if one > other else 0.5 if one == other else 0.0 for one in up for other in down)
            total += len(own) * wins / (len(up) * len(down))
            weights += len(own)
    return total / weights if weights else float("nan")


@settings(max_examples=50)
@given(rows=st.lists(ROW, min_size=1, max_size=40))
def test_it_is_the_mean_over_users(rows: list[tuple[float, int, int]]) -> None:
    scores, labels, users = (np.array(column) for column in zip(*rows, strict=True))
    found = per_row("GAUC", TARGET, scores.astype(np.float32)[:, None], labels.astype(np.float64), users)
    assert len(found) == len(rows)
    assert found.mean() == pytest.approx(gauc(rows), abs=1e-9, nan_ok=True)


def drawn(random: np.random.Generator) -> tuple[Outputs, Floats, Rows]:
    """80 users of whom some are told better than others, and click more."""
    users = np.repeat(np.arange(80), random.integers(2, 20, 80))
    skill, habit = random.normal(1, 1, 80)[users], random.uniform(0.1, 0.7, 80)[users]
    labels = (random.random(len(users)) < habit).astype(np.float64)
    scores = random.normal(0, 1, len(users)) + skill * labels + 3 * habit
    return scores.astype(np.float32)[:, None], labels, users


@pytest.mark.parametrize("metric", ["GAUC", "AUC", "LogLoss"])
def test_the_standard_error_is_the_spread_over_samples_of_users(metric: str) -> None:
    random = np.random.default_rng(3)
    found = []
    for _ in range(120):
        outputs, labels, users = drawn(random)
        found.append(estimate(metric, per_row(metric, TARGET, outputs, labels, users), users))
    spread = np.std([one.value for one in found])
    assert np.mean([one.standard_error for one in found]) == pytest.approx(spread, rel=0.2)


def test_what_depends_on_the_user_alone_changes_no_gauc() -> None:
    outputs, labels, users = drawn(np.random.default_rng(1))
    shifted = (outputs + 10 * (users % 7)[:, None]).astype(np.float32)
    before, after = (per_row("GAUC", TARGET, one, labels, users).mean() for one in (outputs, shifted))
    assert after == pytest.approx(before, abs=1e-4)
    aucs = [per_row("AUC", TARGET, one, labels, users).mean() for one in (outputs, shifted)]
    assert abs(aucs[1] - aucs[0]) > 0.05


def test_who_has_one_class_only_is_left_out_and_without_others_it_is_no_number() -> None:
    outputs, labels = np.array([[1.0], [0.0], [2.0], [3.0]], dtype=np.float32), np.array([1.0, 0.0, 0.0, 0.0])
    assert per_row("GAUC", TARGET, outputs, labels, np.array([1, 1, 2, 2])).mean() == 1.0
    assert np.isnan(per_row("GAUC", TARGET, outputs, labels, np.array([1, 2, 2, 2]))).all()
    broken = outputs.copy()
    broken[0] = np.nan
    assert np.isnan(per_row("GAUC", TARGET, broken, labels, np.array([1, 1, 2, 2]))).all()


def test_rows_without_users_have_none_and_those_with_users_no_accuracy() -> None:
    outputs, labels = np.zeros((2, 1), dtype=np.float32), np.array([0.0, 1.0])
    with pytest.raises(UnknownMetric, match="'GAUC' does not exist for the objective Binary"):
        per_row("GAUC", TARGET, outputs, labels)
    with pytest.raises(
        UnknownMetric, match="'Accuracy' does not exist for the task Ranking: use one of AUC, GAUC, Log"
    ):
        per_row("Accuracy", TARGET, outputs, labels, np.array([1, 1]))
