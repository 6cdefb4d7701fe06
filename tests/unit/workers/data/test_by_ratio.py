"""The split of each user's rows by shares, against one user at a time, and what is said where a part is empty."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.workers.data.test_by_time import interactions_of, shown

from recsys_workers.data.by_ratio import by_ratio
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.protocol import Protocol, parse, split_by

Shown = list[tuple[int, list[int], int]]
SEQUENCES = st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=23), min_size=1, max_size=8)
PERCENT = st.integers(1, 40)


def nearest(share: Fraction) -> int:
    """The nearest whole number, of two the larger."""
    below = share.numerator // share.denominator
    return below if share - below < Fraction(1, 2) else below + 1


@given(SEQUENCES, PERCENT, PERCENT)
def test_the_last_rows_of_each_user_test_and_those_before_validate(
    sequences: list[list[int]], validation_percent: int, test_percent: int
) -> None:
    training: list[list[int]] = []
    expected: dict[str, Shown] = {"validation": [], "test": []}
    number = 0
    for user, times in enumerate(sequences):
        rows = list(range(number + 1, number + 1 + len(times)))
        number += len(rows)
        tested = nearest(Fraction(len(rows) * test_percent, 100))
        held = nearest(Fraction(len(rows) * (test_percent + validation_percent), 100))
        trained: list[int] = []
        for place, row in enumerate(rows):
            left = len(rows) - place
            if place == 0 or left > held:
                trained.append(row)
            else:
                expected["test" if left <= tested else "validation"].append((user, rows[:place], row))
        if len(trained) > 1:
            training.append(trained)
    try:
        split = by_ratio(interactions_of(sequences), validation_percent, test_percent)
    except InvalidData:
        assert not training or not expected["validation"] or not expected["test"]
        return
    assert [part.tolist() for part in split.training] == training
    assert shown(split.validation) == expected["validation"]
    assert shown(split.test) == expected["test"]


@pytest.mark.parametrize(
    ("rows", "sizes"),
    [
        (4, (3, 1, 0)),
        (5, (4, 0, 1)),
        (8, (6, 1, 1)),
        (10, (8, 1, 1)),
        (14, (11, 2, 1)),
        (15, (12, 1, 2)),
        (100, (80, 10, 10)),
    ],
)
def test_shares_are_rounded_to_the_nearest_row_a_half_upwards(rows: int, sizes: tuple[int, int, int]) -> None:
    """A tenth of 5 rows is one, of 4 none; a fifth of 14 is three. Beside a user for whom no part is empty."""
    split = by_ratio(interactions_of([list(range(rows)), list(range(10))]), 10, 10)
    held = [int((examples.users == 0).sum()) for examples in (split.validation, split.test)]
    assert (len(split.training[0]), *held) == sizes


@pytest.mark.parametrize(
    ("lengths", "shares", "said"),
    [
        (
            [4, 3],
            (10, 10),
            "ByRatio takes 10 % of each user's rows for the test and 10 % for validation: of the 7 rows of 2 users 5 "
            "train, 2 validate, 0 test. Nothing is left for the test: users have too few rows for such a share, the "
            "longest 4. Change evaluation.byRatio of the RecModel, use the protocol LeaveOneOut, or add data.",
        ),
        ([5, 5], (10, 10), "8 train, 0 validate, 2 test. Nothing is left for the validation: users have too few rows"),
        ([3, 2], (40, 40), "Nothing is left to train on: no user, of whom the longest has 3 rows, has two that are"),
    ],
)
def test_an_empty_part_is_refused_with_the_shares_and_the_counts(
    lengths: list[int], shares: tuple[int, int], said: str
) -> None:
    with pytest.raises(InvalidData) as refused:
        by_ratio(interactions_of([list(range(length)) for length in lengths]), *shares)
    assert said in str(refused.value)


def test_what_is_asked_for_stands_in_the_protocol() -> None:
    protocol = parse({"protocol": "ByRatio", "byRatio": {"validationPercent": 20, "testPercent": 30, "folds": None}})
    assert protocol == Protocol("ByRatio", 20, 30)
    assert parse({"protocol": "ByRatio"}) == Protocol("ByRatio", 10, 10)
    _, rules = split_by(protocol, interactions_of([list(range(10)), list(range(20))]))
    assert {name: rules[name] for name in ("name", "validationPercent", "testPercent", "evaluatedTargets")} == {
        "name": "ByRatio",
        "validationPercent": 20,
        "testPercent": 30,
        "evaluatedTargets": 9,
    }
    assert rules["evaluatedUsers"] == 2
    assert rules["split"].startswith("of each user's rows in the order of time the last 30 % test, the 20 % before")
