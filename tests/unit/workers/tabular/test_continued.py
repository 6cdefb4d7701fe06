"""The preprocessing of a run that begins with a version: its units, new categories, and where these stood before."""

from dataclasses import replace

import numpy as np
import pytest

from recsys_workers.preprocessing import Hashed, Numeric, OneHot, Preprocessing, Target, Vocabulary
from recsys_workers.tabular.continued import OtherNetwork, continued
from recsys_workers.train.axes import CATEGORIES, CLASSES, NEW

THEIRS = Preprocessing(
    (
        OneHot("plan", ("a", "b", "c"), True),
        Numeric("price", 10.0, 2.0, True),
        Hashed("city", 2, False),
        Vocabulary("user", ("u1", "u2"), False, False),
    ),
    Target("y", "Multiclass", ("low", "high")),
)
OURS = Preprocessing(
    (
        OneHot("plan", ("0", "c", "b"), True),
        Numeric("price", 99.0, 7.0, True),
        Hashed("city", 2, False),
        Vocabulary("user", ("u2", "u9"), True, False),
    ),
    Target("y", "Multiclass", ("high", "higher", "low")),
)


def test_numbers_keep_the_units_that_the_weights_count_in() -> None:
    made = continued(OURS, THEIRS, 3).preprocessing
    assert made.columns == (OURS.columns[0], THEIRS.columns[1], OURS.columns[2], OURS.columns[3])
    assert made.target == OURS.target
    spread = replace(THEIRS, target=Target("y", "Regression", mean=5.0, scale=2.0))
    ours = replace(OURS, target=Target("y", "Regression", mean=6.0, scale=9.0))
    assert continued(ours, spread, 3).preprocessing.target == spread.target


def test_each_row_of_the_table_is_found_by_its_name() -> None:
    """Row 0 is for what nobody knows; then come plan (3 and a missing one), city (2), user (2, of ours a rare one)."""
    found = continued(OURS, THEIRS, 3)
    categories = found.axes[CATEGORIES]
    assert categories.places.tolist() == [0, NEW, 3, 2, 4, 5, 6, 8, NEW, NEW]
    assert (len(categories), categories.theirs) == (found.preprocessing.table_size, THEIRS.table_size)
    assert (found.axes[CLASSES].places.tolist(), found.axes[CLASSES].theirs) == ([1, NEW, 0], 2)

    rows = {"price": np.array([1.0]), "plan": ["c"], "city": ["Bonn"], "user": ["u2"]}
    ours = found.preprocessing.apply(rows, 1).categorical[0]
    theirs = THEIRS.apply(rows, 1).categorical[0]
    assert categories.places[ours].tolist() == theirs.tolist()


@pytest.mark.parametrize("objective", ["Binary", "Regression"])
def test_one_output_is_the_one_of_before(objective: str) -> None:
    target = Target("y", objective, ("0", "1") if objective == "Binary" else ())
    found = continued(replace(OURS, target=target), replace(THEIRS, target=target), 3)
    assert (found.axes[CLASSES].places.tolist(), found.axes[CLASSES].theirs) == ([0], 1)


@pytest.mark.parametrize(
    ("theirs", "ours", "said"),
    [
        (
            Target("y", "Binary", ("no", "yes")),
            Target("y", "Binary", ("0", "yes")),
            "the classes of the label y are no and yes in version 3 and 0 and yes in this run",
        ),
        (
            Target("y", "Regression"),
            Target("z", "Regression"),
            "the label is y (Regression) in version 3 and z (Regression) in this run",
        ),
    ],
)
def test_another_label_is_refused(theirs: Target, ours: Target, said: str) -> None:
    with pytest.raises(OtherNetwork) as refused:
        continued(replace(OURS, target=ours), replace(THEIRS, target=theirs), 3)
    assert str(refused.value) == said


def test_other_columns_are_refused() -> None:
    hashed = replace(OURS, columns=(OURS.columns[0], OURS.columns[1], Hashed("city", 3, False), OURS.columns[3]))
    with pytest.raises(OtherNetwork, match=r"city \(Hashed 2\), .* in version 3 and .* city \(Hashed 3\)"):
        continued(hashed, THEIRS, 3)
    filled = replace(OURS, columns=(*OURS.columns[:2], replace(OURS.columns[2], fill="Bonn"), OURS.columns[3]))
    with pytest.raises(OtherNetwork, match=r"city \(Hashed 2\), .* in version 3 and .* city \(Hashed 2, filled\)"):
        continued(filled, THEIRS, 3)


def test_what_fills_a_number_stays_and_what_fills_a_category_is_of_the_new_rows() -> None:
    """A row without the number gives what it gave; the version's most frequent category may be none any more."""
    old = replace(THEIRS, columns=(OneHot("plan", ("a", "b"), False, "a"), Numeric("price", 10.0, 2.0, False, 9.0)))
    new = replace(OURS, columns=(OneHot("plan", ("b", "c"), False, "c"), Numeric("price", 99.0, 7.0, False, 98.0)))
    assert continued(new, old, 3).preprocessing.columns == (new.columns[0], old.columns[1])
