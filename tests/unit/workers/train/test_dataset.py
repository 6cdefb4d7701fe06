"""Reading, ordering, splitting and fixing a dataset."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_workers.data.errors import DatasetChanged, InvalidData
from recsys_workers.data.files import digest_of_files, list_files, require_digest
from recsys_workers.data.interactions import Interactions, id_order, in_order
from recsys_workers.data.readers import read_columns, roles_of
from recsys_workers.data.split import leave_one_out

SCHEMA = [
    {"name": "user_id", "role": "User"},
    {"name": "item_id", "role": "Item"},
    {"name": "timestamp", "role": "Timestamp"},
]
RECBOLE = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"


def read(root: Path, file_format: str = "RecBole") -> Interactions:
    return in_order(read_columns(list_files(root, file_format), file_format, roles_of(SCHEMA)))


def write(path: Path, rows: str, header: str = RECBOLE) -> Path:
    path.write_text(header + rows)
    return path


def test_rows_are_ordered_by_time_and_then_by_row_number(tmp_path: Path) -> None:
    rows = "u\tc\t1\t20\nu\ta\t1\t10\nu\tb\t1\t10\nv\ta\t1\t5\n"
    found = read(write(tmp_path / "x.inter", rows))
    assert found.user_ids == ["u", "v"]
    assert [found.item_ids[index - 1] for index in found.sequence(0)] == ["a", "b", "c"]
    assert [found.item_ids[index - 1] for index in found.sequence(1)] == ["a"]
    assert found.popularity() == [2, 1, 1]


def test_rows_of_a_tied_timestamp_keep_their_order_across_files(tmp_path: Path) -> None:
    write(tmp_path / "b.inter", "u\t2\t1\t10\n")
    write(tmp_path / "a.inter", "u\t3\t1\t10\nu\t1\t1\t9\n")
    found = read(tmp_path)
    assert [found.item_ids[index - 1] for index in found.sequence(0)] == ["1", "3", "2"]


def test_users_with_a_tied_last_timestamp_are_counted(tmp_path: Path) -> None:
    rows = (
        "tied\ta\t1\t10\ntied\tb\t1\t20\ntied\tc\t1\t20\n"
        "tied-earlier\ta\t1\t10\ntied-earlier\tb\t1\t10\ntied-earlier\tc\t1\t20\n"
        "single\ta\t1\t20\n"
    )
    assert read(write(tmp_path / "x.inter", rows)).tied_users == 1


def test_whole_numbers_sort_as_numbers_and_anything_else_as_text() -> None:
    assert id_order(["10", "9", "1"]) == ["1", "9", "10"]
    assert id_order(["10", "9", "x"]) == ["10", "9", "x"]
    assert id_order(["²", "10", "9"]) == ["10", "9", "²"]


def test_csv_with_quotes_and_iso_times(tmp_path: Path) -> None:
    rows = 'u,"a,1",2024-01-02T00:00:00\nu,b,2024-01-01T00:00:00\n'
    found = read(write(tmp_path / "x.csv", rows, "user_id,item_id,timestamp\n"), "CSV")
    assert [found.item_ids[index - 1] for index in found.sequence(0)] == ["b", "a,1"]


def test_ids_that_look_like_numbers_stay_text(tmp_path: Path) -> None:
    found = read(write(tmp_path / "x.csv", "007,1e3,1\n", "user_id,item_id,timestamp\n"), "CSV")
    assert (found.user_ids, found.item_ids) == (["007"], ["1e3"])


def test_nanoseconds_keep_their_order(tmp_path: Path) -> None:
    rows = "u,late,1700000000000000001\nu,early,1700000000000000000\n"
    found = read(write(tmp_path / "x.csv", rows, "user_id,item_id,timestamp\n"), "CSV")
    assert [found.item_ids[index - 1] for index in found.sequence(0)] == ["early", "late"]


CSV_HEADER = "user_id,item_id,timestamp\n"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2020-01-01T00:00:02", "2020-01-01T00:00:01.500"),
        ("2020-01-02T00:00:00", "2020-01-01"),
        ("2020-01-02", "2020-01-01T12:00:00"),
        ("2020-01-02", "2020-01-01T12:00:00.25Z"),
        ("2020-01-01T01:30:00Z", "2020-01-01T03:00:00+02:00"),
        ("1577836801", "1577836800.5"),
    ],
)
def test_times_of_several_files_are_ordered_whatever_precision_each_file_has(
    tmp_path: Path, first: str, second: str
) -> None:
    write(tmp_path / "a.csv", f"u,late,{first}\n", CSV_HEADER)
    write(tmp_path / "b.csv", f"u,early,{second}\n", CSV_HEADER)
    found = read(tmp_path, "CSV")
    assert [found.item_ids[index - 1] for index in found.sequence(0)] == ["early", "late"]


def test_the_same_moment_in_two_files_is_a_tie(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "u,first,2020-01-01\nu,zeroth,2019-12-31\n", CSV_HEADER)
    write(tmp_path / "b.csv", "u,second,2020-01-01T00:00:00.000Z\n", CSV_HEADER)
    found = read(tmp_path, "CSV")
    assert [found.item_ids[index - 1] for index in found.sequence(0)] == ["zeroth", "first", "second"]
    assert found.tied_users == 1


@pytest.mark.parametrize("number", ["1577836800", "1577836800.5"])
def test_times_in_one_file_and_numbers_in_another_are_refused(tmp_path: Path, number: str) -> None:
    write(tmp_path / "a.csv", "u,x,2020-01-01T00:00:00\n", CSV_HEADER)
    write(tmp_path / "b.csv", f"u,y,{number}\n", CSV_HEADER)
    with pytest.raises(InvalidData, match=r"'timestamp' holds ISO 8601 times in .*a\.csv but numbers in .*b\.csv"):
        read(tmp_path, "CSV")


@pytest.mark.parametrize("others", ["2020-01-01T00:00:00.500", "1700000000000000001"])
def test_a_file_without_rows_has_no_say_in_how_times_are_read(tmp_path: Path, others: str) -> None:
    write(tmp_path / "a.csv", "", CSV_HEADER)
    write(tmp_path / "b.csv", f"u,x,{others}\n", CSV_HEADER)
    assert read(tmp_path, "CSV").item_ids == ["x"]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("1600-01-01T00:00:00", "1600-01-01 00:00:00 in line 3"),
        ("2300-01-01T00:00:00Z", "2300-01-01 00:00:00Z in line 3"),
        ("1600-01-01", "1600-01-01 in line 3"),
        ("2300-01-01T00:00:00.5", "'2300-01-01T00:00:00.5' in line 3"),
    ],
)
def test_a_time_that_nanoseconds_cannot_count_is_refused(tmp_path: Path, value: str, told: str) -> None:
    usual = "2020-01-01" if "T" not in value else "2020-01-01T00:00:00" + value[19:]
    path = write(tmp_path / "far.csv", f"u,x,{usual}\nu,y,{value}\n", CSV_HEADER)
    with pytest.raises(InvalidData, match=r"far\.csv: the column 'timestamp' .*2262-04-10") as refused:
        read(path, "CSV")
    assert f"it holds {told}, and in 1 of its 2 rows what is neither" in str(refused.value)


def test_times_of_the_day_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "u,x,12:34:56\n", CSV_HEADER)
    with pytest.raises(InvalidData, match=r"x\.csv: the column 'timestamp' holds times of the day .*12:34:56"):
        read(path, "CSV")


@pytest.mark.parametrize(
    ("header", "rows", "said"),
    [
        ("user_id:token\titem:token\ttimestamp:float\n", "u\ta\t1\n", "has no column 'item_id'"),
        (RECBOLE, "u\ta\t1\tyesterday\n", "the column 'timestamp' must hold a number"),
        (RECBOLE, "u\ta\t1\t1\nu\t\t1\t2\n", "the column 'item_id' is empty in 1 of 2 rows, the first is line 3"),
        (RECBOLE, "u\ta\t1\t\nu\tb\t1\t4\n", "the column 'timestamp' is empty in 1 of 2 rows, the first is line 2"),
        (RECBOLE, "u\ta\n", "cannot be read as RecBole"),
        (RECBOLE, "", "no rows"),
        ("", "", "is empty"),
    ],
)
def test_bad_files_are_refused_with_a_sentence_that_names_the_file(
    tmp_path: Path, header: str, rows: str, said: str
) -> None:
    path = write(tmp_path / "bad.inter", rows, header)
    with pytest.raises(InvalidData, match=r"bad\.inter") as refused:
        read(path)
    assert said in str(refused.value)


def test_a_missing_column_lists_the_columns_that_are_there(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "1,2,3\n", "user,item_id,timestamp\n")
    with pytest.raises(InvalidData, match="it has user, item_id, timestamp"):
        read(path, "CSV")


def test_a_folder_without_files_of_the_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match=r"holds no \*\.csv file"):
        list_files(tmp_path, "CSV")
    with pytest.raises(InvalidData, match="does not exist"):
        list_files(tmp_path / "absent", "CSV")


@pytest.mark.parametrize("change", ["content", "name", "size"])
def test_the_digest_depends_on_every_byte_and_name(tmp_path: Path, change: str) -> None:
    write(tmp_path / "a.inter", "u\ta\t1\t1\n")
    write(tmp_path / "b.inter", "u\tb\t1\t2\n")
    before = digest_of_files(list_files(tmp_path, "RecBole"))
    assert digest_of_files(list(reversed(list_files(tmp_path, "RecBole")))) == before
    if change == "content":
        write(tmp_path / "b.inter", "u\tc\t1\t2\n")
    elif change == "name":
        (tmp_path / "b.inter").rename(tmp_path / "c.inter")
    else:
        write(tmp_path / "b.inter", "u\tb\t1\t2\n\n")
    after = digest_of_files(list_files(tmp_path, "RecBole"))
    assert after != before
    with pytest.raises(DatasetChanged, match=f"{after}.*the first attempt fixed {before}"):
        require_digest(after, before, "the first attempt")


def test_the_digest_is_the_documented_one(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"abc")
    # printf 'a.csv\t3\t%s\n' "$(printf abc | sha256sum | cut -d' ' -f1)" | sha256sum
    expected = "sha256:1ddab3c8803b222b68f2b2a92e6b4a4aa73f8ffa88a42114169f5b9d8ccdcd9c"
    assert digest_of_files(list_files(tmp_path, "CSV")) == expected


def test_a_dataset_that_leaves_nothing_to_train_on_is_refused(tmp_path: Path) -> None:
    rows = "".join(f"u{user}\ti{item}\t1\t{item}\n" for user in range(2) for item in range(3)) + "v\ti1\t1\t1\n"
    path = write(tmp_path / "x.inter", rows)
    with pytest.raises(InvalidData, match=r"\(2 users, the longest has 3\).* must have 4 or more"):
        leave_one_out(read(path))
    write(path, rows + "v\ti2\t1\t2\n")
    assert [len(part) for part in leave_one_out(read(path)).training] == [2]


@given(st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=8), min_size=1, max_size=8))
def test_leave_one_out_never_shows_the_training_what_it_is_tested_on(sequences: list[list[int]]) -> None:
    lengths = [len(sequence) for sequence in sequences]
    flat = np.array([item for sequence in sequences for item in sequence], dtype=np.int32)
    interactions = Interactions(
        [str(user) for user in range(len(sequences))],
        [str(item) for item in range(1, 10)],
        flat,
        np.cumsum([0, *lengths]).astype(np.int64),
        0,
        np.concatenate([np.arange(length) for length in lengths]),
        False,
    )
    if max(lengths) < 3:
        with pytest.raises(InvalidData, match=r"None of the .* has 3 or more .* Add interactions: "):
            leave_one_out(interactions)
        return
    if set(lengths) <= {1, 3}:
        with pytest.raises(InvalidData, match="Nothing is left to train on"):
            leave_one_out(interactions)
        return
    split = leave_one_out(interactions)
    evaluated = [sequence for sequence in sequences if len(sequence) >= 3]
    assert split.test.targets.tolist() == [sequence[-1] for sequence in evaluated]
    assert [history.tolist() for history in split.test.histories] == [sequence[:-1] for sequence in evaluated]
    assert split.validation.targets.tolist() == [sequence[-2] for sequence in evaluated]
    assert [history.tolist() for history in split.validation.histories] == [sequence[:-2] for sequence in evaluated]
    trained = [sequence[:-2] if len(sequence) >= 3 else sequence for sequence in sequences]
    assert [part.tolist() for part in split.training] == [part for part in trained if len(part) > 1]
