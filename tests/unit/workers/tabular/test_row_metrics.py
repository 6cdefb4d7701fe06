"""The metrics of single rows against definitions written otherwise, on random inputs; their intervals by simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from recsys_workers.evaluate.gates import SMALLER_IS_BETTER
from recsys_workers.evaluate.metrics import UnknownMetric, estimate
from recsys_workers.predictions import Outputs
from recsys_workers.preprocessing import BINARY, MULTICLASS, REGRESSION, Floats, Target
from recsys_workers.tabular.metrics import METRICS, per_row

TARGETS = {
    BINARY: Target("y", BINARY, ("no", "yes")),
    MULTICLASS: Target("y", MULTICLASS, ("a", "b", "c")),
    REGRESSION: Target("y", REGRESSION, mean=3.0, scale=2.0),
}
LOGITS = st.sampled_from([-3.0, -1.0, -0.5, 0.0, 0.0, 0.25, 1.0, 2.5])


@st.composite
def cases(draw: st.DrawFn, objective: str) -> tuple[Outputs, Floats]:
    """Outputs with ties, and labels; of Binary both classes occur."""
    count = draw(st.integers(2, 40))
    width = 3 if objective == MULTICLASS else 1
    outputs = np.array(draw(st.lists(LOGITS, min_size=count * width, max_size=count * width)), dtype=np.float32)
    if objective == REGRESSION:
        labels = draw(st.lists(st.floats(-100, 100), min_size=count, max_size=count))
    else:
        labels = draw(st.lists(st.integers(0, max(1, width - 1)), min_size=count, max_size=count))
        labels[:2] = [0, 1]
    return outputs.reshape(count, width), np.array(labels, dtype=np.float64)


def defined(name: str, outputs: Outputs, labels: Floats) -> float:
    """Each metric of classes by counting, one row after the other."""
    rows = list(zip(outputs.astype(float).tolist(), labels.astype(int).tolist(), strict=True))
    binary = outputs.shape[1] == 1
    if name == "AUC":
        pairs = [(up[0], down[0]) for up, one in rows if one == 1 for down, other in rows if other == 0]
        return sum(1.0 if up > down else 0.5 if up == down else 0.0 for up, down in pairs) / len(pairs)
    if name == "LogLoss":
        shares = [special.expit([-row[0], row[0]]) if binary else special.softmax(row) for row, _ in rows]
        return -sum(math.log(share[label]) for share, (_, label) in zip(shares, rows, strict=True)) / len(rows)
    said = [int(row[0] >= 0) if binary else row.index(max(row)) for row, _ in rows]
    true = [label for _, label in rows]
    if name == "Accuracy":
        return sum(one == other for one, other in zip(said, true, strict=True)) / len(rows)
    found = []
    for each in [1] if binary else [0, 1, 2]:
        both = sum(one == other == each for one, other in zip(said, true, strict=True))
        precision = both / said.count(each) if each in said else 0.0
        recall = both / true.count(each) if each in true else 0.0
        harmonic = 2 * precision * recall / (precision + recall) if both else 0.0
        found.append({"Precision": precision, "Recall": recall, "F1": harmonic}[name])
    return sum(found) / len(found)


@pytest.mark.parametrize("name", METRICS[BINARY])
@given(case=cases(BINARY))
def test_of_two_classes(name: str, case: tuple[Outputs, Floats]) -> None:
    assert per_row(name, TARGETS[BINARY], *case).mean() == pytest.approx(defined(name, *case), abs=1e-9)


@pytest.mark.parametrize("name", METRICS[MULTICLASS])
@given(case=cases(MULTICLASS))
def test_of_several_classes(name: str, case: tuple[Outputs, Floats]) -> None:
    assert per_row(name, TARGETS[MULTICLASS], *case).mean() == pytest.approx(defined(name, *case), abs=1e-9)


@given(case=cases(REGRESSION))
def test_of_numbers(case: tuple[Outputs, Floats]) -> None:
    outputs, labels = case
    errors = [2.0 * float(output) + 3.0 - label for output, label in zip(outputs[:, 0], labels, strict=True)]
    target = TARGETS[REGRESSION]
    assert per_row("MAE", target, *case).mean() == pytest.approx(sum(map(abs, errors)) / len(errors))
    root = math.sqrt(sum(error * error for error in errors) / len(errors))
    assert per_row("RMSE", target, *case).mean() == pytest.approx(root, abs=1e-9)


@given(case=cases(BINARY))
def test_auc_is_that_of_the_rank_sum_test(case: tuple[Outputs, Floats]) -> None:
    outputs, labels = case
    up, down = outputs[labels == 1, 0], outputs[labels == 0, 0]
    statistic = stats.mannwhitneyu(up, down).statistic / (len(up) * len(down))
    assert per_row("AUC", TARGETS[BINARY], outputs, labels).mean() == pytest.approx(statistic)


def drawn(objective: str, random: np.random.Generator, count: int) -> tuple[Outputs, Floats]:
    """Outputs that have something to do with labels."""
    if objective == MULTICLASS:
        labels = random.integers(0, 3, count)
        return (random.normal(0, 1, (count, 3)) + np.eye(3)[labels]).astype(np.float32), labels.astype(np.float64)
    if objective == REGRESSION:
        labels = random.normal(3, 2, count)
        return ((labels - 3) / 2 + random.standard_t(8, count) / 2).astype(np.float32)[:, None], labels
    labels = (random.random(count) < 0.3).astype(np.float64)
    return (random.normal(0, 1, count) + 1.5 * labels - 0.7).astype(np.float32)[:, None], labels


@pytest.mark.parametrize(
    ("objective", "name"), [(objective, name) for objective, names in METRICS.items() for name in names]
)
def test_the_standard_error_is_the_spread_over_samples(objective: str, name: str) -> None:
    random = np.random.default_rng(5)
    found = [estimate(name, per_row(name, TARGETS[objective], *drawn(objective, random, 400))) for _ in range(200)]
    spread = np.std([one.value for one in found])
    assert np.mean([one.standard_error for one in found]) == pytest.approx(spread, rel=0.15)


def test_what_is_no_number_makes_the_metric_none() -> None:
    for objective, names in METRICS.items():
        outputs, labels = drawn(objective, np.random.default_rng(1), 20)
        outputs[3, 0] = np.nan
        for name in names:
            assert np.isnan(per_row(name, TARGETS[objective], outputs, labels)).all()


def test_an_objective_has_its_metrics_only() -> None:
    with pytest.raises(UnknownMetric, match="'RMSE' does not exist for the objective Binary: use one of AUC, LogLoss"):
        per_row("RMSE", TARGETS[BINARY], *drawn(BINARY, np.random.default_rng(1), 20))
    assert {name for names in METRICS.values() for name in names} >= SMALLER_IS_BETTER
