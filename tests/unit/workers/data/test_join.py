"""One table of three files, as the task Ranking takes it."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from recsys_workers.data.join import main

RATINGS = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t10\t4\t5\n2\t11\t3.5\t6\n3\t10\t\t7\n"
USERS = "user_id:token\tage:token\n1\t24\n2\t53\n"
ITEMS = "item_id:token\tclass:token_seq\n11\tSci-Fi Drama\n10\tDrama\n12\tChildren's\n"


def laid(folder: Path, **others: str) -> list[str]:
    """The command on three files, some of them with other contents."""
    contents = {"inter": RATINGS, "user": USERS, "item": ITEMS, **others}
    for suffix, text in contents.items():
        (folder / f"m.{suffix}").write_text(text)
    rows, users, items = (str(folder / f"m.{suffix}") for suffix in ("inter", "user", "item"))
    return [str(folder / "out.parquet"), "--rows", rows, "--users", users, "--items", items]


def written(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = parquet.read_table(folder / "out.parquet").to_pylist()
    return found


def test_what_belongs_to_a_row_stands_beside_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*laid(tmp_path), "--words", "class", "--label", "liked", "rating", "4"]) == 0
    flags = {"class_Children_s": 0, "class_Drama": 1}
    assert written(tmp_path) == [
        {"user_id": "1", "item_id": "10", "timestamp": "5", "age": "24", **flags, "class_Sci_Fi": 0, "liked": 1},
        {"user_id": "2", "item_id": "11", "timestamp": "6", "age": "53", **flags, "class_Sci_Fi": 1, "liked": 0},
        {"user_id": "3", "item_id": "10", "timestamp": "7", "age": None, **flags, "class_Sci_Fi": 0, "liked": None},
    ]
    said = capsys.readouterr().out
    assert said.endswith("3 rows, 1 without a row of their user, 0 without a row of their item, 50.0% of them liked.\n")


def test_ids_join_whatever_their_type(tmp_path: Path) -> None:
    (tmp_path / "u.csv").write_text("uid,plan\n7,basic\n")
    parquet.write_table(pa.table({"uid": [7, 8]}), tmp_path / "r.parquet")
    rows, users = str(tmp_path / "r.parquet"), str(tmp_path / "u.csv")
    assert main([str(tmp_path / "out.parquet"), "--rows", rows, "--users", users, "--user-id", "uid"]) == 0
    assert written(tmp_path) == [{"uid": 7, "plan": "basic"}, {"uid": 8, "plan": None}]


@pytest.mark.parametrize(
    ("others", "options", "said"),
    [
        ({"user": USERS + "1\t25\n"}, [], "'user_id' has 1 values that are empty or there twice"),
        ({"user": "user_id:token\trating:token\n1\t5\n"}, [], "both have the column 'rating': rename one"),
        ({"user": "id:token\tage:token\n1\t5\n"}, [], "has no column 'user_id': it has id, age"),
        ({}, ["--words", "genre"], "has no column 'genre'"),
        ({}, ["--label", "liked", "rating", "much"], "could not convert string to float: 'much'"),
        ({}, ["--label", "liked", "stars", "4"], "has no column 'stars'"),
    ],
)
def test_what_does_not_fit_is_told(
    others: dict[str, str], options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*laid(tmp_path, **others), *options]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out.parquet").exists()


def test_a_file_of_another_kind_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows.txt").write_text("a\n")
    assert main([str(tmp_path / "out.parquet"), "--rows", str(tmp_path / "rows.txt")]) == 2
    assert "rows.txt ends with none of .inter, .user" in capsys.readouterr().err
