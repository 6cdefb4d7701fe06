"""Interactions by way of the disk are those that are read into the memory, bit by bit, and so is what is refused."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from tests.unit.workers.data.events import in_small_parts
from tests.unit.workers.data.test_formats import NAMES, SCHEMA, WRITERS, Row

from recsys_workers.data import parts
from recsys_workers.data.blocks import Wanted, in_this_process
from recsys_workers.data.cleaning import Cleaning, Dropped, clean
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.files import list_files, telling_of
from recsys_workers.data.interactions import Interactions, in_order
from recsys_workers.data.readers import read_columns, roles_of
from recsys_workers.data.streamed import interactions

ROOT = Path(__file__).parents[4]
Result = tuple[list[Dropped], Interactions]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts and shards of a few rows."""
    in_small_parts(monkeypatch)


@pytest.mark.parametrize("padding", [0, 40])
@pytest.mark.parametrize("sample", [60, 1 << 20])
def test_rows_of_text_are_estimated_by_its_first_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, padding: int, sample: int
) -> None:
    monkeypatch.setattr(parts, "SAMPLE_BYTES", sample * (1 + padding))
    path = tmp_path / "x.csv"
    line = f"7,12,881250949{' ' * padding}\n"
    path.write_text("user,item,time\n" + line * 1000)
    assert parts.rows_of(path, "CSV") == pytest.approx(1000, rel=0.2)
    path.write_text("")
    assert parts.rows_of(path, "CSV") == 0


def in_memory(wanted: Wanted) -> Result:
    drop = wanted.cleaning.missing == "Drop"
    columns = read_columns(wanted.files, wanted.file_format, wanted.roles, types=wanted.types, drop_incomplete=drop)
    with telling_of(wanted.paths, wanted.roles.values()):
        cleaned, dropped = clean(columns, wanted.cleaning)
    return dropped, in_order(cleaned)


def by_disk(wanted: Wanted, scratch: Path) -> Result:
    return interactions(in_this_process(wanted), wanted, scratch, scratch / "items.npy")


def of(folder: Path, file_format: str, cleaning: Cleaning | None = None) -> Wanted:
    return Wanted(list_files(folder, file_format), file_format, roles_of(SCHEMA), cleaning or Cleaning())


def outcome(read: Callable[[], Result]) -> Result | str:
    """The interactions, or what they are refused with."""
    try:
        return read()
    except InvalidData as error:
        return str(error)


def require_same(expected: Result | str, found: Result | str) -> None:
    if isinstance(expected, str) or isinstance(found, str):
        assert found == expected
        return
    assert found[0] == expected[0]
    mine, theirs = found[1], expected[1]
    for name in ("user_ids", "item_ids", "tied_users", "timed"):
        assert getattr(mine, name) == getattr(theirs, name)
    for name in ("items", "offsets", "times"):
        arrays = getattr(mine, name), getattr(theirs, name)
        assert arrays[0].dtype == arrays[1].dtype
        np.testing.assert_array_equal(*arrays)


USERS = st.sampled_from(["7", "10", "a", "ä", "09", "9"])
ITEMS = st.sampled_from(["1", "2", "3", "12"])
TIMES = {
    "whole": st.integers(0, 6),
    "fractions": st.sampled_from([0, 1.5, 2, 2.5]),
    "moments": st.sampled_from(["2026-01-01", "2026-01-02T10:00:00", "2026-01-02T10:00:00.5", "2026-01-03T00:00:00Z"]),
}
WINDOWS: dict[str, tuple[str | int, str | int]] = {
    "whole": (1, 6),
    "fractions": (1, 2),
    "moments": ("2026-01-01T12:00:00", "2026-01-03"),
}


@pytest.mark.parametrize("file_format", WRITERS)
@given(data=st.data())
def test_every_rule_on_every_kind_of_time_gives_what_the_memory_gives(file_format: str, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(TIMES)), label="kind of time")
    rows = st.lists(st.tuples(USERS, ITEMS, TIMES[kind]), min_size=1, max_size=25)
    files: list[list[Row]] = data.draw(st.lists(rows, min_size=1, max_size=3), label="files")
    first, after = WINDOWS[kind] if data.draw(st.booleans(), label="window") else (None, None)
    cleaning = Cleaning(
        "Fail",
        first,
        after,
        data.draw(st.sampled_from(["KeepAll", "KeepFirst", "KeepLast"]), label="duplicates"),
        data.draw(st.sampled_from([None, 2, 3]), label="user"),
        data.draw(st.sampled_from([None, 2, 4]), label="item"),
    )
    suffix, write = WRITERS[file_format]
    with tempfile.TemporaryDirectory() as folder:
        for number, lines in enumerate(files):
            of_one_type = [(user, item, str(time) if kind == "moments" else time) for user, item, time in lines]
            write(Path(folder) / f"{number}{suffix}", of_one_type)
        wanted = of(Path(folder), file_format, cleaning)
        require_same(outcome(lambda: in_memory(wanted)), outcome(lambda: by_disk(wanted, Path(folder))))


LINES = [f"u{row % 3},i{row % 4},{row}" for row in range(40)]


def write_lines(folder: Path, changed: dict[int, str]) -> None:
    lines = [changed.get(number, line) for number, line in enumerate(LINES)]
    (folder / "a.csv").write_text("\n".join([",".join(NAMES), *lines]) + "\n")


@pytest.mark.parametrize("missing", ["Drop", "Fail"])
@pytest.mark.parametrize(
    "changed",
    [
        {},
        {25: ",i1,25", 3: "u1,,3"},
        {39: "u1,i1,"},
        {12: "u1,i1,NA"},
        {30: "u1,i1,30.5"},
        {31: "u1,i1"},
        {32: "u,i,x"},
    ],
    ids=str,
)
def test_what_is_missing_or_wrong_is_told_by_the_same_rows(
    tmp_path: Path, missing: str, changed: dict[int, str]
) -> None:
    write_lines(tmp_path, changed)
    wanted = of(tmp_path, "CSV", Cleaning(missing))
    require_same(outcome(lambda: in_memory(wanted)), outcome(lambda: by_disk(wanted, tmp_path)))


def test_values_of_another_type_are_told_by_the_same_rows(tmp_path: Path) -> None:
    write_lines(tmp_path, {7: "u1,i1,7", 33: "u1,seven,33", 35: "u1,,35"})
    wanted = replace(of(tmp_path, "CSV", Cleaning("Drop")), types={NAMES[1]: "Integer", NAMES[2]: "Number"})
    told = outcome(lambda: in_memory(wanted))
    require_same(told, outcome(lambda: by_disk(wanted, tmp_path)))
    assert isinstance(told, str)
    assert "the type Integer; so do" in told


def test_times_and_numbers_in_one_file_are_refused(tmp_path: Path) -> None:
    write_lines(tmp_path, {38: "u1,i1,2026-01-01"})
    with pytest.raises(InvalidData, match=r"a\.csv: the column 'timestamp' must hold a number, or"):
        by_disk(of(tmp_path, "CSV"), tmp_path)
    # A part that has both is refused by itself; where they meet at the end of a part, the parts are compared.
    for first in range(14, 26):
        write_lines(tmp_path, {number: f"u1,i1,2026-01-{number - 9:02d}" for number in range(first, 40)})
        told = outcome(lambda: by_disk(of(tmp_path, "CSV"), tmp_path))
        assert isinstance(told, str)
        assert f"of its 40 rows {first} hold a number and {40 - first} a time." in told
        require_same(told, outcome(lambda: in_memory(of(tmp_path, "CSV"))))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({7: "soon", 33: "later", 8: "inf"}, "'soon' in line 9, and in 3 of its 40 rows what is neither. Correct th"),
        ({7: "inf", 33: "-inf"}, "inf in line 9, and in 2 of its 40 rows what is neither"),
        ({7: "1e999", 33: "0.5"}, "inf in line 9, and in 1 of its 40 rows what is neither"),
        ({3: "0x1F", 4: "0.5"}, "its 40 rows hold numbers that do not go together, such as 0x1F and 0.5"),
    ],
    ids=str,
)
def test_what_is_no_number_is_counted_in_the_whole_file(tmp_path: Path, changed: dict[int, str], said: str) -> None:
    write_lines(tmp_path, {row: f"u1,i1,{time}" for row, time in changed.items()})
    told = outcome(lambda: by_disk(of(tmp_path, "CSV"), tmp_path))
    assert said in str(told)
    require_same(told, outcome(lambda: in_memory(of(tmp_path, "CSV"))))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({7: "2300-01-01", 33: "1500-01-01"}, "2300-01-01 00:00:00 in line 9, and in 2 of its 40 rows"),
        ({7: "2300-01-01", 33: "1500-01-01", 8: "2026-01-01T10:00:00.5"}, "'2300-01-01' in line 9, and in 2 of its 40"),
        ({7: "2026-02-30", 33: "2026-02-31"}, "'2026-02-30' in line 9, and in 2 of its 40 rows"),
        (
            {7: "2026-02-30", 8: "2026-01-01T10+01", 9: "2026-01-01T10:00Z"},
            "'2026-02-30' in line 9, and in 1 of its 40",
        ),
    ],
    ids=str,
)
def test_what_is_no_time_is_counted_in_the_whole_file(tmp_path: Path, changed: dict[int, str], said: str) -> None:
    times = {row: f"2026-01-01T00:00:{row:02d}" for row in range(40)} | changed
    write_lines(tmp_path, {row: f"u1,i1,{time}" for row, time in times.items()})
    told = outcome(lambda: by_disk(of(tmp_path, "CSV"), tmp_path))
    assert said in str(told)
    assert "2026-02-30" not in said or str(told) == outcome(lambda: in_memory(of(tmp_path, "CSV")))


def test_large_whole_numbers_beside_fractions_in_another_file_are_refused(tmp_path: Path) -> None:
    times: Sequence[Any] = ([2**53 + 1, 1], [0.5, 1.5])
    for number, column in enumerate(times):
        table = pa.table({"user_id": ["u", "v"], "item_id": ["i", "j"], "timestamp": column})
        parquet.write_table(table, tmp_path / f"{number}.parquet")
    wanted = of(tmp_path, "Parquet")
    expected = outcome(lambda: in_memory(wanted))
    assert "0.parquet: the column 'timestamp' holds 9007199254740993 in row 1, and in 1 of its 2 rows" in str(expected)
    require_same(expected, outcome(lambda: by_disk(wanted, tmp_path)))


FILLED = """
import errno
import sys
from pathlib import Path
from recsys_workers.data import shards

try:
    shards.mapped(Path(sys.argv[1]) / "user.npy", "int32", 1 << 20)
except OSError as error:
    print(errno.errorcode[error.errno])
"""
"""Wants 4 MiB of a disk of one."""


def test_a_disk_without_room_is_told_before_anything_is_written_to_it(tmp_path: Path) -> None:
    """In a mount namespace of its own; a page that cannot be written later would end the process by a signal."""
    script = f'mount -t tmpfs -o size=1m none "{tmp_path}" && exec "$0" -c "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, sys.executable, FILLED, str(tmp_path)],
        env={"PYTHONPATH": str(ROOT / "workers"), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "ENOSPC"
