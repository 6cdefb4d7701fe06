"""Cells of a CSV with line breaks in quotes: read whole or in parts, with the lines that an editor shows in errors."""

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys_workers.data import join, parts, quotes
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.parts import PARTS
from recsys_workers.data.quotes import first_lines, is_open, line_of, whole_rows
from recsys_workers.data.readers import READERS
from recsys_workers.data.types import require

ROLES = {"column note": "note", "column price": "price"}
BLOCK = 1 << 20
"""Bytes that Arrow looks at together."""
SMALL = 'note,price\n"one\nline, ""more""",1\n5" disk,2\n\n"\n\n",3\nlast,dear\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "rows.csv"
    path.write_bytes(text.encode())
    return path


def in_parts(path: Path) -> list[tuple[str, str]]:
    return [row for raw in PARTS["CSV"](path, ROLES) for row in zip(*raw.table.to_pydict().values(), strict=True)]


def as_whole(path: Path) -> list[tuple[str, str]]:
    return list(zip(*READERS["CSV"](path, ROLES).table.to_pydict().values(), strict=True))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("size", [1, 10, 20, 1 << 20])
def test_cells_keep_their_line_breaks_and_rows_their_lines(
    size: int, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "TEXT_BYTES", size)
    path = written(tmp_path, SMALL.replace("\n", end))
    expected = [(f'one{end}line, "more"', "1"), ('5" disk', "2"), (end * 2, "3"), ("last", "dear")]
    assert as_whole(path) == in_parts(path) == expected
    for raws in ([READERS["CSV"](path, ROLES)], list(PARTS["CSV"](path, ROLES))):
        assert [raw.place(row) for raw in raws for row in range(raw.table.num_rows)] == [
            "line 2",
            "line 4",
            "line 6",
            "line 9",
        ]
        with pytest.raises(InvalidData, match="'dear' in line 9, which is not of the type Number"):
            require(raws[-1], "column price", "price", "Number")


def test_a_file_of_many_blocks_is_read_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells are so long that the ends of Arrow's blocks, and of the parts, are in some of them."""
    monkeypatch.setattr(parts, "TEXT_BYTES", BLOCK)
    rows = [(f"note {number}\n" * 4000 if number % 2 else "plain", str(number)) for number in range(300)]
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([("note", "price"), *rows])
    path = written(tmp_path, stream.getvalue())
    text = path.read_bytes()
    assert len(text) > 4 * BLOCK
    assert any(is_open(text[: text.index(b"\n", end) + 1]) for end in range(BLOCK, len(text), BLOCK))
    assert as_whole(path) == in_parts(path) == rows


def test_a_row_with_another_number_of_cells_is_told_by_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, SMALL + "a,1,2\n")
    for read in (as_whole, in_parts):
        with pytest.raises(InvalidData, match=r"line 10 has 3 cells and the header 2.* 1 of its 5 rows"):
            read(path)
    path.write_bytes(SMALL.encode() + b"a\xff,1\n")
    with pytest.raises(InvalidData, match="'note' holds what is no UTF-8 in line 10, and so do 1 of its 5 rows"):
        as_whole(path)


@pytest.mark.parametrize("most", [100, 1 << 20])
def test_a_quote_that_is_never_closed_is_told_by_its_line(
    most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "TEXT_BYTES", 40)
    monkeypatch.setattr(quotes, "LONGEST", most)
    path = written(tmp_path, SMALL.replace("dear", "4") + 'a,5\n"wide,6\n' + "b,7\n" * 50)
    told = re.escape(
        f"{path} cannot be read as CSV: the row that begins in line 11 has a cell that begins with a quote"
    )
    for read in (as_whole, in_parts):
        with pytest.raises(InvalidData, match=told):
            read(path)


@pytest.mark.parametrize("size", [1, 1 << 20])
@pytest.mark.parametrize(("file_format", "cell"), [("CSV", ","), ("RecBole", "\t")])
def test_a_carriage_return_alone_ends_a_line(
    file_format: str, cell: str, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where files of other systems were put one behind the other."""
    monkeypatch.setattr(parts, "TEXT_BYTES", size)
    path = written(tmp_path, "note,price\r\na,3\rb,4\r\r\nc,5\nd,dear\r".replace(",", cell))
    for raws in ([READERS[file_format](path, ROLES)], list(PARTS[file_format](path, ROLES))):
        assert [text for raw in raws for text in raw.table["column price"].to_pylist()] == ["3", "4", "5", "dear"]
        places = [raw.place(row) for raw in raws for row in range(raw.table.num_rows)]
        assert places == ["line 2", "line 3", "line 5", "line 6"]
        with pytest.raises(InvalidData, match="'dear' in line 6, which is not of the type Number"):
            require(raws[-1], "column price", "price", "Number")
    path = written(tmp_path, "note,price\na,3\rb,4\rc".replace(",", cell))
    with pytest.raises(InvalidData, match=r"line 4 has 1 cells and the header 2: 'c'. Such are 1 of its 3 rows"):
        READERS[file_format](path, ROLES)


def test_the_line_of_a_quote_that_nothing_closes_counts_lone_carriage_returns(tmp_path: Path) -> None:
    path = written(tmp_path, 'note,price\na,1\rb,2\r\n"wide,3\nc,4\n')
    for size in (1, 1 << 20):
        with path.open("rb") as stream, pytest.raises(InvalidData, match="the row that begins in line 4 has a cell"):
            list(whole_rows(stream, size, path))


def test_a_row_that_no_line_begins_is_said_to_be_in_the_last_one(tmp_path: Path) -> None:
    """An error about a file must not end in another one."""
    assert line_of(written(tmp_path, SMALL), 99, quoted=True) == 9
    assert line_of(written(tmp_path, ""), 0, quoted=True) == 1


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("size", [1, 10, 1 << 20])
def test_names_of_columns_may_have_line_breaks(
    size: int, end: str, mark: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Excel writes them, some with a mark of the byte order; the schema names columns behind them, or them."""
    monkeypatch.setattr(parts, "TEXT_BYTES", size)
    header = f'{mark}"weight\n(kg, ""net""),",note,"b\n",price'
    path = written(tmp_path, f'{header}{end}1,a,x,3{end}2,"b\nb",x,4{end}3,c,x,dear{end}')
    for roles, expected in (
        (ROLES, [("a", "3"), ("b\nb", "4"), ("c", "dear")]),
        ({"column b": "b\n", "column weight": 'weight\n(kg, "net"),'}, [("x", "1"), ("x", "2"), ("x", "3")]),
    ):
        for raws in ([READERS["CSV"](path, roles)], list(PARTS["CSV"](path, roles))):
            assert [row for raw in raws for row in zip(*raw.table.to_pydict().values(), strict=True)] == expected
            places = [raw.place(row) for raw in raws for row in range(raw.table.num_rows)]
            assert places == ["line 4", "line 5", "line 7"]
    assert join.read(path).table.column_names == ['weight\n(kg, "net"),', "note", "b\n", "price"]
    with pytest.raises(InvalidData, match=r"(?s)no column 'size', .* note, b\n, price \(3 rows\)"):
        READERS["CSV"](path, {"column size": "size"})
    written(tmp_path, f"{header}{end}1,a,x,3{end}2,b,x,4,5{end}")
    for read in (as_whole, in_parts):
        with pytest.raises(InvalidData, match="line 5 has 5 cells and the header 4"):
            read(path)
    written(tmp_path, f'{header}{end}1,a,x,3{end}2,"b,x,4{end}')
    for read in (as_whole, in_parts):
        with pytest.raises(InvalidData, match="the row that begins in line 5 has a cell that begins with a quote"):
            read(path)


def test_a_quote_of_the_header_that_is_never_closed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "TEXT_BYTES", 10)
    path = written(tmp_path, 'note,price,"weight\na,3,1\nb,4,1\nc,5,1\n')
    for read in (as_whole, in_parts, join.read):
        with pytest.raises(InvalidData, match="the row that begins in line 1 has a cell that begins with a quote"):
            read(path)


@pytest.mark.parametrize("size", [1, 1 << 20])
@pytest.mark.parametrize(("file_format", "cell"), [("CSV", ","), ("RecBole", "\t")])
def test_a_header_may_end_with_a_carriage_return_alone(
    file_format: str, cell: str, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands behind it up to the line feed is a row, and once."""
    monkeypatch.setattr(parts, "TEXT_BYTES", size)
    path = written(tmp_path, "note,price\ra,3\nb,4\nc,5\n".replace(",", cell))
    for raws in ([READERS[file_format](path, ROLES)], list(PARTS[file_format](path, ROLES))):
        assert [text for raw in raws for text in raw.table["column price"].to_pylist()] == ["3", "4", "5"]
        places = [raw.place(row) for raw in raws for row in range(raw.table.num_rows)]
        assert places == ["line 2", "line 3", "line 4"]


@pytest.mark.parametrize(("file_format", "text"), [("CSV", ""), ("CSV", "\n1,2\n"), ("RecBole", "\r\n1\t2\n")])
def test_a_file_that_names_no_columns_is_refused(file_format: str, text: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)
    for read in (READERS[file_format], lambda path, roles: list(PARTS[file_format](path, roles))):
        with pytest.raises(InvalidData, match="is empty: its first line must name the columns"):
            read(path, ROLES)


CELLS = st.text(st.sampled_from('a",\n\r'), max_size=6)


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8), st.integers(1, 30), st.booleans())
def test_whole_rows_are_those_of_another_reader(rows: list[tuple[str, str]], size: int, quoted: bool) -> None:
    stream = io.StringIO()
    style = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    csv.writer(stream, lineterminator="\r\n", quoting=style).writerows(rows)
    text = stream.getvalue()
    found = list(whole_rows(io.BytesIO(text.encode()), size, Path("rows.csv")))
    assert b"".join(found).decode() == text
    assert [tuple(row) for part in found for row in csv.reader(io.StringIO(part.decode(), newline=""))] == rows
    reader = csv.reader(io.StringIO(text, newline=""))
    ends = [reader.line_num for _ in reader]
    assert list(first_lines(io.BytesIO(text.encode()), quoted=True)) == [1, *(end + 1 for end in ends[:-1])]
