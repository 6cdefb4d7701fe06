"""The split by a column, against one user at a time; by the memory and by the disk; and what is refused."""

import itertools
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.workers.data.events import SUFFIXES, Event, in_small_parts, wanted, write
from tests.unit.workers.data.test_by_time import shown
from tests.unit.workers.data.test_streamed import Result, by_disk, in_memory, outcome, require_same

from recsys_workers.data import cut
from recsys_workers.data.by_column import by_column
from recsys_workers.data.cleaning import Cleaning, core
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.interactions import Interactions
from recsys_workers.data.protocol import Protocol, split_by

WAYS = pytest.mark.parametrize("way", ["memory", "disk"])
PARTS = ("train", "validation", "test")
USERS, ITEMS = st.sampled_from(["u1", "u2", "u10"]), st.sampled_from(["1", "2", "30"])
EVENT = st.tuples(USERS, ITEMS, st.integers(0, 9), st.sampled_from(PARTS))


def forward(events: list[Event]) -> list[Event]:
    """The same, with parts that never go back in time: two of them on the days 3 and 6, in no order."""
    found: list[Event] = []
    for user, item, day, part in events:
        first, last = (0 if day <= 3 else 1 if day <= 6 else 2), (0 if day < 3 else 1 if day < 6 else 2)
        found.append((user, item, day, PARTS[min(max(PARTS.index(str(part)), first), last)]))
    return found


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows at a time."""
    in_small_parts(monkeypatch)
    monkeypatch.setattr(cut, "TOGETHER", 4)


def read(way: str, folder: Path, cleaning: Cleaning | None = None) -> Result:
    asked = wanted(folder, "CSV", cleaning)
    return in_memory(asked) if way == "memory" else by_disk(asked, folder)


def of(events: list[Event], cleaning: Cleaning | None = None, way: str = "memory") -> Interactions:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), "CSV", [events])
        return read(way, Path(folder), cleaning)[1]


def sequences(events: list[Event]) -> dict[str, list[tuple[int, int, int, str]]]:
    """Of each user (day, part, number, item), in their order."""
    found: dict[str, list[tuple[int, int, int, str]]] = defaultdict(list)
    for number, (user, item, day, part) in enumerate(events):
        found[user].append((day, PARTS.index(str(part)), number, item))
    return {user: sorted(found[user]) for user in sorted(found)}


@WAYS
@given(
    events=st.one_of(st.lists(EVENT, min_size=1, max_size=30), st.lists(EVENT, min_size=12, max_size=40).map(forward))
)
def test_each_row_has_the_part_that_the_column_says_and_all_rows_before_it_as_history(
    way: str, events: list[Event]
) -> None:
    data = of(events, way=way)
    training: list[list[str]] = []
    expected: dict[int, list[tuple[int, list[str], str]]] = {1: [], 2: []}
    alone, back, wrong_users = {1: 0, 2: 0}, 0, 0
    for user, rows in enumerate(sequences(events).values()):
        late = [part < max(row[1] for row in rows[: place + 1]) for place, (_, part, _, _) in enumerate(rows)]
        back += sum(late)
        wrong_users += any(late)
        items = [row[3] for row in rows]
        trained = [row[3] for row in rows if row[1] == 0]
        training += [trained] if len(trained) > 1 else []
        for place, (_, part, _, item) in enumerate(rows):
            if part and place:
                expected[part].append((user, items[:place], item))
            elif part:
                alone[part] += 1
    told = f"ByColumn: {back} of {len(events)} rows, of {wrong_users} of {len(data.user_ids)} users, go back"
    if back or not training or not expected[1] or not expected[2]:
        with pytest.raises(InvalidData, match=told if back else "Nothing is left"):
            by_column(data, "part")
        return
    split, without = by_column(data, "part")

    def named(numbers: "np.ndarray[tuple[int], np.dtype[np.int32]]") -> list[str]:
        return [data.item_ids[number - 1] for number in numbers]

    assert [named(part) for part in split.training] == training
    for part, examples in ((1, split.validation), (2, split.test)):
        targets = named(examples.targets)
        histories = [named(history) for history in examples.histories]
        assert list(zip(examples.users.tolist(), histories, targets, strict=True)) == expected[part]
    assert (without.validation, without.test) == (alone[1], alone[2])


@pytest.mark.parametrize("file_format", SUFFIXES)
@given(data=st.data())
def test_the_disk_gives_what_the_memory_gives_and_each_row_keeps_its_part(
    file_format: str, data: st.DataObject
) -> None:
    part = st.sampled_from(data.draw(st.sampled_from([PARTS, (*PARTS, None), (*PARTS, "Test")]), label="parts"))
    rows = st.lists(st.tuples(USERS, ITEMS, st.integers(0, 6), part), min_size=1, max_size=25)
    files: list[list[Event]] = data.draw(st.lists(rows, min_size=1, max_size=3), label="files")
    cleaning = Cleaning(
        data.draw(st.sampled_from(["Fail", "Drop"]), label="missing"),
        *((1, 6) if data.draw(st.booleans(), label="window") else (None, None)),
        data.draw(st.sampled_from(["KeepAll", "KeepFirst", "KeepLast"]), label="duplicates"),
        data.draw(st.sampled_from([None, 2, 3]), label="user"),
        data.draw(st.sampled_from([None, 2, 4]), label="item"),
    )
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), file_format, files)
        asked = wanted(Path(folder), file_format, cleaning)
        expected = outcome(lambda: in_memory(asked))
        found = outcome(lambda: by_disk(asked, Path(folder)))
        require_same(expected, found)
        if isinstance(expected, str) or isinstance(found, str):
            return
        assert found[1].parts is not None
        np.testing.assert_array_equal(found[1].parts, expected[1].parts)
        assert found[1].parts.dtype == np.int8
    assert kept(expected[1]) == plainly(cleaning, list(itertools.chain(*files)))


def kept(data: Interactions) -> list[Event]:
    """The rows in their order."""
    assert data.parts is not None
    user = np.repeat(np.arange(len(data.user_ids)), np.diff(data.offsets))
    return [
        (data.user_ids[user[row]], data.item_ids[data.items[row] - 1], int(data.times[row]), PARTS[data.parts[row]])
        for row in range(len(data.items))
    ]


def plainly(cleaning: Cleaning, events: list[Event]) -> list[Event]:
    """What is left of the events, in the order of the sequences."""
    rows = [event for event in events if event[3] is not None and (cleaning.window_to is None or 1 <= event[2] < 6)]
    if cleaning.duplicates != "KeepAll":
        step = -1 if cleaning.duplicates == "KeepLast" else 1
        first: dict[tuple[str, str, int], Event] = {}
        for event in rows[::step]:
            first.setdefault(event[:3], event)
        rows = list(first.values())[::step]
    user, item = (np.array([int(event[place].strip("u")) for event in rows], dtype=np.int64) for place in (0, 1))
    left, _ = core(user, item, cleaning.min_user_interactions or 0, cleaning.min_item_interactions or 0)
    # Sorting keeps the order of those that are the same.
    return sorted((rows[row] for row in left), key=lambda event: (event[0], event[2], PARTS.index(str(event[3]))))


def rows_of(user: str, told: str) -> list[Event]:
    """Rows of a user on one day after the other: t, v and s are the parts."""
    return [(user, str(day), day, PARTS["tvs".index(letter)]) for day, letter in enumerate(told)]


@WAYS
def test_rows_that_go_back_are_refused_with_their_counts_and_an_example(way: str) -> None:
    events = [*rows_of("u1", "ttvs"), *rows_of("u2", "ttvtst"), *rows_of("u3", "tsvvs"), *rows_of("u4", "tvts")]
    with pytest.raises(InvalidData) as refused:
        by_column(of(events, way=way), "part")
    assert str(refused.value) == (
        "ByColumn: 5 of 19 rows, of 3 of 4 users, go back to an earlier part than a row before them has: the user 'u2' "
        "has a row with train at 3 after one with validation at 2. In the order of time the rows of a user must be "
        "train, then validation, then test, or a model would learn from the user's future: correct the column 'part', "
        "or set evaluation.protocol of the RecModel to ByTime or ByRatio."
    )


@WAYS
def test_rows_of_one_timestamp_stand_in_the_order_of_their_parts(way: str) -> None:
    events: list[Event] = [
        ("u", item, day, part)
        for item, day, part in (
            ("a", 1, "train"),
            ("b", 2, "test"),
            ("c", 2, "train"),
            ("d", 2, "validation"),
            ("e", 2, "train"),
            ("f", 3, "test"),
        )
    ]
    data = of(events, way=way)
    split, _ = by_column(data, "part")
    assert [data.item_ids[item - 1] for item in data.items] == ["a", "c", "e", "d", "b", "f"]
    assert shown(split.validation) == [(0, [1, 3, 5], 4)]
    assert shown(split.test) == [(0, [1, 3, 5, 4], 2), (0, [1, 3, 5, 4, 2], 6)]


@WAYS
@pytest.mark.parametrize(("duplicates", "left"), [("KeepFirst", "test"), ("KeepLast", "validation")])
def test_of_duplicates_the_one_that_stays_keeps_its_part(way: str, duplicates: str, left: str) -> None:
    events: list[Event] = [("u", "a", 1, "train"), ("u", "b", 2, "test"), ("u", "b", 2, "validation")]
    assert kept(of(events, Cleaning(duplicates=duplicates), way)) == [events[0], ("u", "b", 2, left)]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (
            ["ttv", "tt"],
            "the 5 rows by the column 'part' into 4 train, 1 validation, 0 test. Nothing is left for the test",
        ),
        (
            ["tts"],
            "2 train, 0 validation, 1 test. Nothing is left for the validation: no row is in this part. Change the",
        ),
        (["tvs", "vs"], "Nothing is left to train on: no user has two rows with train."),
        (["ttv", "s"], "Nothing is left for the test: none of its 1 rows has an earlier one of the same user."),
    ],
)
def test_an_empty_part_is_refused_with_the_counts(told: list[str], said: str) -> None:
    data = of([event for number, one in enumerate(told) for event in rows_of(f"u{number}", one)])
    with pytest.raises(InvalidData) as refused:
        by_column(data, "part")
    assert said in str(refused.value)


def test_what_the_manifest_says() -> None:
    _, rules = split_by(Protocol("ByColumn"), of([*rows_of("u1", "ttvs"), *rows_of("u2", "ss")]), "part")
    assert rules == {
        "name": "ByColumn",
        "split": "as the column part says: train, validation, test; a target's history is all that its user did before "
        "it",
        "validationWithoutHistory": 0,
        "testWithoutHistory": 1,
        "interval": "95 %, normal over users, the targets of a user counted together",
        "evaluatedUsers": 2,
        "evaluatedTargets": 2,
        "order": "timestamp, then part, then row number",
    }


@WAYS
def test_another_protocol_does_not_read_the_column(way: str, tmp_path: Path) -> None:
    write(tmp_path, "CSV", [[("u", "a", 1, "whatever"), ("u", "b", 0, None)]])
    asked = wanted(tmp_path, "CSV", split=False)
    found = in_memory(asked) if way == "memory" else by_disk(asked, tmp_path)
    assert found[1].parts is None
    assert found[1].items.tolist() == [2, 1]
