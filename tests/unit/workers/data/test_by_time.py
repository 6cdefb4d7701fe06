"""The split by global time, against one row at a time, and what is said of cuts that leave a part empty."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_workers.data.by_time import by_time
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.files import list_files
from recsys_workers.data.interactions import Interactions, in_order
from recsys_workers.data.protocol import Protocol, parse, split_by
from recsys_workers.data.readers import read_columns
from recsys_workers.data.split import Examples, Split, leave_one_out
from recsys_workers.train import prepared

ROLES = {"User": "user_id", "Item": "item_id", "Timestamp": "timestamp"}


def read(folder: Path, rows: list[tuple[str, str, str]]) -> Interactions:
    text = "".join(",".join(row) + "\n" for row in rows)
    (folder / "x.csv").write_text("user_id,item_id,timestamp\n" + text)
    return in_order(read_columns(list_files(folder, "CSV"), "CSV", ROLES))


def interactions_of(sequences: list[list[int]]) -> Interactions:
    """One user a list of times, in order; the items are numbered through, so that each tells where it was."""
    flat = [time for times in sequences for time in sorted(times)]
    offsets = np.cumsum([0, *(len(times) for times in sequences)]).astype(np.int64)
    items = np.arange(1, len(flat) + 1, dtype=np.int32)
    ids = [str(number) for number in range(max(len(flat), 1))]
    return Interactions(ids[: len(sequences)], ids, items, offsets, 0, np.array(flat, dtype=np.int64), False)


def shown(examples: Examples) -> list[tuple[int, list[int], int]]:
    histories = [history.tolist() for history in examples.histories]
    return list(zip(examples.users.tolist(), histories, examples.targets.tolist(), strict=True))


@given(
    st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=12), min_size=1, max_size=8),
    st.integers(1, 40),
    st.integers(1, 40),
)
def test_every_row_after_a_cut_is_told_from_all_before_it(sequences: list[list[int]], first: int, second: int) -> None:
    data = interactions_of(sequences)
    times = np.sort(np.concatenate([np.array(times) for times in sequences]))
    low = times[len(times) * (100 - first - second) // 100]
    high = times[len(times) * (100 - second) // 100]
    expected: dict[str, list[tuple[int, list[int], int]]] = {"validation": [], "test": []}
    training, alone = [], {"validation": 0, "test": 0}
    number = 0
    for user, unsorted in enumerate(sequences):
        history: list[int] = []
        trained: list[int] = []
        for time in sorted(unsorted):
            number += 1
            part = "test" if time >= high else "validation" if time >= low else "training"
            if part == "training":
                trained.append(number)
            elif history:
                expected[part].append((user, list(history), number))
            else:
                alone[part] += 1
            history.append(number)
        if len(trained) > 1:
            training.append(trained)
    try:
        split, cuts, without = by_time(data, first, second)
    except InvalidData:
        assert not training or not expected["validation"] or not expected["test"]
        return
    assert (cuts.validation_from, cuts.test_from) == (str(low), str(high))
    assert [part.tolist() for part in split.training] == training
    assert shown(split.validation) == expected["validation"]
    assert shown(split.test) == expected["test"]
    assert (without.validation, without.test) == (alone["validation"], alone["test"])


def test_the_cuts_are_written_as_the_timestamps_are(tmp_path: Path) -> None:
    rows = [(f"u{number % 2}", f"i{number}", f"2026-01-{number + 1:02}T12:00:00.5Z") for number in range(20)]
    _, rules = split_by(Protocol("ByTime"), read(tmp_path, rows))
    assert rules["validationFrom"] == "2026-01-17T12:00:00.500000Z"
    assert rules["testFrom"] == "2026-01-19T12:00:00.500000Z"
    assert (rules["evaluatedUsers"], rules["evaluatedTargets"]) == (2, 2)
    numbers = [(user, item, f"{number}.25") for number, (user, item, _) in enumerate(rows)]
    assert split_by(Protocol("ByTime"), read(tmp_path, numbers))[1]["testFrom"] == "18.25"


@pytest.mark.parametrize(
    ("sequences", "said"),
    [
        (
            [[1] * 10],
            "cuts the 10 rows at 1 and 1: 0 lie before, 0 between for validation, 10 after for the test. Nothing is "
            "left to train on: no user has two rows before 1.",
        ),
        (
            [[number] for number in range(10)],
            "8 lie before, 1 between for validation, 1 after for the test. Nothing is left "
            "to train on: no user has two rows before 8.",
        ),
        (
            [[1, 2, 3, 4, 5, 6, 7, 8, 8, 8]],
            "7 lie before, 0 between for validation, 3 after for the test. Nothing is left "
            "for the validation: too many rows have one timestamp.",
        ),
        (
            [[1, 2, 3, 4, 5, 6, 7, 8], [9], [10]],
            "Nothing is left for the validation: none of its 1 rows has an earlier",
        ),
        (
            [[1, 2, 3, 4, 5, 6, 7, 8, 9], [10]],
            "Nothing is left for the test: none of its 1 rows has an earlier one of the",
        ),
    ],
)
def test_an_empty_part_is_refused_with_the_cuts_and_the_counts(sequences: list[list[int]], said: str) -> None:
    with pytest.raises(InvalidData) as refused:
        by_time(interactions_of(sequences), 10, 10)
    assert said in str(refused.value)
    assert "use the protocol LeaveOneOut, or add data." in str(refused.value)


def test_percentages_default_to_a_tenth_each() -> None:
    assert parse({"protocol": "ByTime"}) == Protocol("ByTime", 10, 10)
    assert parse({"protocol": "ByTime", "byTime": {"validationPercent": 5, "testPercent": 20}}) == Protocol(
        "ByTime", 5, 20
    )


@pytest.mark.parametrize("name", ["LeaveOneOut", "ByTime"])
def test_the_worker_reads_the_split_that_was_made(tmp_path: Path, name: str) -> None:
    data = interactions_of([[1, 2, 3, 4, 9], [2, 5, 7, 8], [10], [3, 10]])
    made: Split = leave_one_out(data) if name == "LeaveOneOut" else by_time(data, 10, 10)[0]
    prepared.write(tmp_path, made)
    read_back = prepared.read(tmp_path)
    assert [part.tolist() for part in read_back.training] == [part.tolist() for part in made.training]
    for part in ("validation", "test"):
        assert shown(getattr(read_back, part)) == shown(getattr(made, part))
    assert [history.tolist() for history in read_back.test.histories[1:]] == [
        history.tolist() for history in list(made.test.histories)[1:]
    ]
