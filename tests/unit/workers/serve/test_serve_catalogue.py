"""Titles are read from both formats; whatever is wrong with a catalogue, there is an empty one instead."""

import json
import logging
from pathlib import Path

import pytest

from recsys_workers.serve import catalogue

RECBOLE = 'item_id:token\tmovie_title:token_seq\tclass:token_seq\n1\tToy "Story\tAnimation\n2\t\tDrama\n3\n4\tÉté\tX\n'
CSV = 'id,name\n1,"Toy, ""Story"""\n2,\n3\n4,Été\n'


@pytest.fixture
def claims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("RECSYS_PVC_ROOT", str(tmp_path))
    return tmp_path


def spec(form: str, id_column: str, title_column: str) -> str:
    return json.dumps(
        {"uri": "pvc://data/items", "format": form, "idColumn": id_column, "titleColumn": title_column}
    )  # fmt: skip


@pytest.mark.parametrize("typed", [True, False])
def test_recbole(claims: Path, typed: bool) -> None:
    (claims / "data/items").write_text(RECBOLE)
    columns = ("item_id:token", "movie_title:token_seq") if typed else ("item_id", "movie_title")
    loaded = catalogue.load(spec("RecBole", *columns))
    assert loaded.titles == {"1": 'Toy "Story', "4": "Été"}
    assert loaded.digest is not None
    assert loaded.digest.startswith("sha256:")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_of_recbole_end_as_the_trainer_has_them(claims: Path, end: str) -> None:
    """What Unicode calls a line separator may stand in a title."""
    text = end.join(["item_id:token\tname:token_seq", "1\tOne\u2028Two\x0bThree", "2\tFour", ""])
    (claims / "data/items").write_bytes(text.encode())
    assert catalogue.load(spec("RecBole", "item_id", "name")).titles == {"1": "One\u2028Two\x0bThree", "2": "Four"}


def test_csv(claims: Path) -> None:
    (claims / "data/items").write_bytes(b"\xef\xbb\xbf" + CSV.encode())
    assert catalogue.load(spec("CSV", "id", "name")).titles == {"1": 'Toy, "Story"', "4": "Été"}


def test_bytes_of_another_encoding_cost_a_letter_and_not_the_catalogue(claims: Path) -> None:
    (claims / "data/items").write_bytes(CSV.encode("latin-1"))
    assert catalogue.load(spec("CSV", "id", "name")).titles["4"] == "�t�"


def test_long_titles_are_cut(claims: Path) -> None:
    (claims / "data/items").write_text(f"id,name\n1,{'x' * 2000}\n")
    assert len(catalogue.load(spec("CSV", "id", "name")).titles["1"]) == catalogue.MAX_TITLE


@pytest.mark.parametrize("none", ["", "null"])
def test_no_catalogue_is_not_an_error(none: str, caplog: pytest.LogCaptureFixture) -> None:
    assert catalogue.load(none) == catalogue.Catalogue()
    assert not caplog.records


@pytest.mark.parametrize(
    ("description", "words"),
    [
        ("{", "RECSYS_CATALOGUE is not a catalogue"),
        ("[]", "RECSYS_CATALOGUE is not a catalogue"),
        ('{"uri": "pvc://data/items"}', "format"),
        (spec("CSV", "id", "title"), "no column 'title'; its columns are id, name"),
        (spec("RecBole", "item_id", "name"), "no column 'item_id'"),
        (spec("Parquet", "id", "name"), "RecBole and CSV are supported"),
        (spec("CSV", "id", "name").replace("items", "gone"), "cannot be read"),
        (spec("CSV", "id", "name").replace("pvc", "s3"), "pvc://<claim>/<path>"),
    ],
)
def test_a_broken_catalogue_is_logged_and_empty(
    claims: Path, caplog: pytest.LogCaptureFixture, description: str, words: str
) -> None:
    (claims / "data/items").write_text(CSV)
    with caplog.at_level(logging.ERROR):
        assert catalogue.load(description) == catalogue.Catalogue()
    assert words in caplog.text
