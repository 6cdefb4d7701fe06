"""Files of a dataset on a claim that the pod may not read, or that the claim does not give: told as such, by name."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet
from tests.unit.workers.refusals import outcome
from tests.unit.workers.tabular import tables

from recsys_workers.data import delimited, parts
from recsys_workers.data import parquet as reading
from recsys_workers.data.blocks import Wanted, in_this_process
from recsys_workers.data.cleaning import Cleaning
from recsys_workers.data.errors import InvalidData, StoreUnreachable
from recsys_workers.data.files import DatasetFile, list_files
from recsys_workers.data.streamed import interactions

AWAY = [errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT]
BROKEN = Path("/proc/self/mem")
"""A file that opens, and whose first byte gives EIO."""
ROLES = {"User": "user", "Item": "item", "Timestamp": "day"}


def failing(number: int, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    """`call`, but for the path that ends so, of which it raises this error."""

    def called(path: Any, *args: Any, **kwargs: Any) -> Any:
        if os.fspath(path).endswith(name):
            raise OSError(number, os.strerror(number), os.fspath(path))
        return call(path, *args, **kwargs)

    return called


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A run on the folder pvc://data with a file in it, and with another one in a subfolder."""
    made = tables.document(tmp_path, monkeypatch)
    made["dataset"]["uri"] = "pvc://data"
    (tmp_path / "data" / "more").mkdir()
    tables.write_csv(tmp_path / "data" / "more" / "late.csv", tables.rows())
    return made


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_a_file_that_the_pod_may_not_open(
    number: int, document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "open", failing(number, "customers.csv", Path.open))
    code, reason, message = outcome(document, tmp_path)
    assert (code, reason) == (2, "InvalidData")
    assert message.startswith(f"pvc://data/customers.csv may not be read ({os.strerror(number)}): ")
    assert "group 65532" in message


@pytest.mark.parametrize("number", AWAY)
def test_a_file_that_the_claim_does_not_give(
    number: int, document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "open", failing(number, "customers.csv", Path.open))
    code, reason, message = outcome(document, tmp_path)
    assert (code, reason) == (1, "DatasetUnreachable")
    assert message.startswith(f"pvc://data/customers.csv cannot be read now ({os.strerror(number)}): ")


@pytest.mark.parametrize(
    ("number", "ended"),
    [(errno.EACCES, (2, "InvalidData")), *((number, (1, "DatasetUnreachable")) for number in AWAY)],
)
def test_a_folder_that_cannot_be_listed_is_not_passed_over(
    number: int, ended: tuple[int, str], document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "scandir", failing(number, "/more", os.scandir))
    code, reason, message = outcome(document, tmp_path)
    assert (code, reason) == ended
    assert message.startswith("pvc://data/more ")
    assert not list((tmp_path / "store").rglob("dataset.digest"))


def test_the_lost_and_found_of_a_volume_holds_no_data(
    document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data" / "lost+found").mkdir()
    monkeypatch.setattr(os, "scandir", failing(errno.EACCES, "/lost+found", os.scandir))
    found = list_files(tmp_path / "data", "CSV")
    assert [file.name for file in found] == ["customers.csv", "more/late.csv"]


def test_files_stand_in_the_order_of_their_paths(tmp_path: Path) -> None:
    names = ["b/c.csv", "b/a.csv", "b-1.csv", "a.csv", ".hidden/z.csv", "B.csv"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "link.csv").symlink_to(tmp_path / "a.csv")
    (tmp_path / "linked").symlink_to(tmp_path / "b")
    assert [file.name for file in list_files(tmp_path, "CSV")] == sorted([*names, "link.csv"])


@pytest.mark.parametrize(
    "read",
    [
        delimited.csv_names,
        lambda path: parts.rows_of(path, "CSV"),
        lambda path: list(parts.json_parts(path, ROLES)),
    ],
    ids=["header", "rows", "JSON"],
)
def test_text_that_ends_in_mid_read_is_not_called_wrong(read: Callable[[Path], object]) -> None:
    with pytest.raises(StoreUnreachable, match=r"^/proc/self/mem cannot be read now \(Input/output error\): "):
        read(BROKEN)


def test_a_csv_that_arrow_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "csv_names", lambda _: list(ROLES.values()))
    monkeypatch.setattr(delimited, "_has_quotes", lambda _: False)
    with pytest.raises(StoreUnreachable, match=r"^/proc/self/mem cannot be read now \(Input/output error\): "):
        delimited.read_csv(BROKEN, ROLES)


@pytest.fixture
def columns(tmp_path: Path) -> Path:
    """A Parquet file."""
    table = pa.table({"user": ["u", "v"], "item": ["i", "j"], "day": [1, 2]})
    parquet.write_table(table, path := tmp_path / "x.parquet")
    return path


@pytest.mark.parametrize("number", AWAY)
def test_parquet_that_ends_in_mid_read_is_not_called_damaged(
    number: int, columns: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: Any, **__: Any) -> Any:
        raise OSError(number, "Error reading bytes from file")

    def batches(*_: Any, **__: Any) -> Iterator[Any]:
        yield read()

    monkeypatch.setattr(parquet.ParquetFile, "read", read)
    with pytest.raises(StoreUnreachable, match=r"x\.parquet cannot be read now"):
        reading.read_parquet(columns, ROLES)
    monkeypatch.setattr(parquet.ParquetFile, "iter_batches", batches)
    with pytest.raises(StoreUnreachable, match=r"x\.parquet cannot be read now"):
        list(parts.parquet_parts(columns, ROLES))
    monkeypatch.setattr(parquet, "ParquetFile", read)
    with pytest.raises(StoreUnreachable, match=r"x\.parquet cannot be read now"):
        reading.read_parquet(columns, ROLES)


def test_parquet_that_is_damaged_stays_so(columns: Path) -> None:
    data = bytearray(columns.read_bytes())
    data[4:40] = bytes(36)
    columns.write_bytes(data)
    with pytest.raises(InvalidData, match="Write it anew"):
        reading.read_parquet(columns, ROLES)


def test_rows_that_go_by_way_of_the_disk(tmp_path: Path) -> None:
    """Ray's processes give blocks, and what ended the reading is one of them."""
    wanted = Wanted([DatasetFile("x.csv", BROKEN)], "CSV", ROLES, Cleaning())
    found = list(in_this_process(wanted))
    with pytest.raises(StoreUnreachable, match=r"^/proc/self/mem cannot be read now"):
        interactions(found, wanted, tmp_path, tmp_path / "items.npy")
