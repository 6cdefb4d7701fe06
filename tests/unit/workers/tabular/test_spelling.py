"""However a category is written, in whatever format and by whatever client, trainer and server see the same one."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from tests.unit.workers.ranking import clicks
from tests.unit.workers.tabular.tables import document, rows

from recsys_workers import preprocessing
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.files import list_files
from recsys_workers.preprocessing import Hashed, Inputs, OneHot, Preprocessing, Target, Vocabulary, bucket_of
from recsys_workers.serve.rows import parse
from recsys_workers.spelling import in_json, spelled, text_of
from recsys_workers.tabular import data, schema
from recsys_workers.tabular.continued import continued
from recsys_workers.train import run_config

COUNT = 10_000
FORMATS = ("CSV", "Parquet", "JSONLines")
COLUMNS: list[dict[str, Any]] = [
    {"name": "member", "role": "Categorical"},
    {"name": "caller", "role": "Categorical", "encoding": "Hashed", "buckets": 1000, "type": "Boolean"},
    {"name": "size", "role": "Categorical", "missing": "Impute"},
    {"name": "shop", "role": "Categorical", "encoding": "Vocabulary", "minRows": 1},
    {"name": "release", "role": "Categorical"},
    {"name": "active", "role": "Numeric", "type": "Boolean"},
    {"name": "label", "role": "Label"},
]


def table(count: int) -> list[dict[str, Any]]:
    """Booleans, whole numbers with and without a missing one beside them, and text that looks like numbers."""
    random = np.random.default_rng(4)
    return [
        {
            "member": bool(random.random() < 0.5),
            "caller": bool(random.random() < 0.5),
            "size": None if number % 7 == 3 else float(random.integers(-2, 5)),
            "shop": int(random.integers(0, 300)),
            "release": ("1.10", "007", "1.50", "1.5", "v1.0", "1e3", "yes")[number % 7],
            "active": bool(random.random() < 0.5),
            "label": row["label"],
        }
        for number, row in enumerate(rows(count))
    ]


def write(folder: Path, file_format: str, made: list[dict[str, Any]]) -> None:
    """As pandas writes such a table: booleans as True in a CSV, and whole numbers beside missing ones as floats."""
    (folder / "customers.csv").unlink()
    if file_format == "CSV":
        lines = [",".join("" if value is None else str(value) for value in row.values()) for row in made]
        (folder / "rows.csv").write_text("\n".join([",".join(made[0]), *lines]) + "\n")
    if file_format == "Parquet":
        parquet.write_table(pa.Table.from_pylist(made), folder / "rows.parquet")
    if file_format == "JSONLines":
        (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made))


def loaded(asked: dict[str, Any], folder: Path, file_format: str, made: list[dict[str, Any]]) -> data.Rowwise:
    asked["dataset"]["format"] = file_format
    write(folder / "data", file_format, made)
    config = run_config.parse(asked)
    table_schema = schema.parse(config.schema, config.objective, config.task)
    return data.load(list_files(folder / "data", file_format), config, table_schema)


def served(fitted: Preprocessing, asked: list[dict[str, Any]]) -> Inputs:
    parts = []
    for start in range(0, len(asked), 1000):
        body = json.dumps({"rows": asked[start : start + 1000]}).encode()
        parts.append(fitted.apply(*parse(body, fitted)))
    return Inputs(
        np.concatenate([part.numeric for part in parts]),
        np.concatenate([part.categorical for part in parts]),
        sum(part.unknown for part in parts),
    )


def in_words(value: Any) -> Any:
    """A value as a client writes it that makes text of everything, as Python does."""
    return None if value is None else str(value)


def in_figures(value: Any) -> Any:
    """As one that has no floats where whole numbers will do."""
    return int(value) if isinstance(value, float) else value


@pytest.mark.parametrize("file_format", FORMATS)
def test_10000_rows_of_booleans_whole_numbers_and_text_like_numbers_get_the_same_bits(
    file_format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = table(COUNT)
    asked = document(tmp_path, monkeypatch)
    asked["schema"]["columns"] = COLUMNS
    found = loaded(asked, tmp_path, file_format, made)
    trained = found.preprocessing.apply(data.columns_of(found.table, found.rows), len(found.rows))
    member, _, size, shop, release, _ = found.preprocessing.columns
    assert isinstance(member, OneHot)
    assert member.values == ("false", "true")
    assert isinstance(size, OneHot)
    assert set(size.values) == {"-2", "-1", "0", "1", "2", "3", "4"}
    assert isinstance(shop, Vocabulary)
    assert "17" in shop.values
    assert isinstance(release, OneHot)
    assert set(release.values) == {"1.10", "007", "1.50", "1.5", "v1.0", "1e3", "yes"}
    assert trained.unknown == 0
    assert len(np.unique(trained.numeric[:, 0])) == 2
    fitted = preprocessing.decode(preprocessing.encode(found.preprocessing))
    features = [{name: value for name, value in row.items() if name != "label"} for row in made]
    texts = [{name: value if name == "active" else in_words(value) for name, value in row.items()} for row in features]
    figures = [{name: in_figures(value) for name, value in row.items()} for row in features]
    for rows_asked in (features, texts, figures):
        answered = served(fitted, rows_asked)
        assert np.array_equal(trained.numeric, answered.numeric)
        assert np.array_equal(trained.categorical, answered.categorical)
        assert answered.unknown == 0


@pytest.mark.parametrize(
    ("written", "spelling"),
    [
        *((text, "true") for text in ("true", "True", "TRUE", " True ")),
        *((text, "false") for text in ("false", "False", "FALSE")),
        *((text, "5") for text in ("5", "5.0", "5.000", "+5", " 5 ")),
        *((text, "0") for text in ("0", "-0", "0.0", "-0.0")),
        ("-12.0", "-12"),
        ("1" * 5000, "1" * 5000),
        *((text, text) for text in ("007", "00.0", "1.10", "1.50", "5.", ".0", "1e3", "yes", "t", "v1.0", "", " a ")),
    ],
)
def test_one_category_has_one_spelling(written: str, spelling: str) -> None:
    assert spelled(written) == spelling
    assert spelled(spelling) == spelling


@given(st.one_of(st.booleans(), st.integers(-(10**14), 10**14), st.text(), st.from_regex(r"[-+]?[0-9]+(\.0*)?")))
def test_a_client_may_send_what_json_has(value: bool | int | str) -> None:
    text = text_of(value)
    assert text is not None
    assert spelled(str(text_of(in_json(text)))) == spelled(text)
    if not isinstance(value, str):
        assert in_json(text) == value
        assert type(in_json(text)) is type(value)


@pytest.mark.parametrize("value", [1.5, float("inf"), None, [1], {}])
def test_other_values_are_no_categories(value: object) -> None:
    assert text_of(value) is None
    assert (text_of(5.0), text_of(-0.0), text_of(1e3)) == ("5", "0", "1000")


@pytest.mark.parametrize("file_format", ["Parquet", "JSONLines"])
@pytest.mark.parametrize("name", ["size", "label"])
def test_a_number_with_a_fraction_is_no_category(
    name: str, file_format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = table(60)
    for number, row in enumerate(made):
        row[name] = 1.5 if number == 20 else float(number % 2)
    asked = document(tmp_path, monkeypatch)
    asked["schema"]["columns"] = COLUMNS
    with pytest.raises(InvalidData) as refused:
        loaded(asked, tmp_path, file_format, made)
    said = str(refused.value)
    assert f"the column '{name}' holds" in said
    if file_format == "JSONLines":
        assert "holds 1.5 in line 21: it must be a string, a whole number, true or false" in said


@pytest.mark.parametrize(
    "encoding", [{}, {"encoding": "Vocabulary", "minRows": 1}, {"encoding": "Hashed", "buckets": 9}]
)
@pytest.mark.parametrize(("name", "fill", "value"), [("member", "True", True), ("size", "5.0", 5), ("size", "+5", 5.0)])
def test_a_fill_is_the_category_of_the_rows_that_have_it(
    name: str, fill: str, value: Any, encoding: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = table(60)
    for number, row in enumerate(made):
        row[name] = None if number % 3 == 0 else value if number % 3 == 1 else 0
    asked = document(tmp_path, monkeypatch)
    column = {"name": name, "role": "Categorical", "missing": "Constant", "fill": fill, **encoding}
    asked["schema"]["columns"] = [column, COLUMNS[-1]]
    found = loaded(asked, tmp_path, "CSV", made)
    trained = found.preprocessing.apply(data.columns_of(found.table, found.rows), len(found.rows)).categorical[:, 0]
    fitted = preprocessing.decode(preprocessing.encode(found.preprocessing))
    filled, said = served(fitted, [{name: None}, {name: value}]).categorical[:, 0].tolist()
    assert filled == said
    counted = {number % 3: place for number, place in zip(found.rows.tolist(), trained.tolist(), strict=True)}
    assert counted[0] == counted[1] == filled


def test_ids_of_ranking_are_one_however_they_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [
        row | {"item": (5, 5.0, "5", "5.0", 6)[number % 5], "referrer": float("nan")}
        for number, row in enumerate(clicks.rows())
    ]
    found = loaded(clicks.document(tmp_path, monkeypatch), tmp_path, "JSONLines", made)
    item, referrer = (found.preprocessing.columns[place] for place in (1, 4))
    assert isinstance(item, Vocabulary)
    assert item.values == ("5", "6")
    assert isinstance(referrer, Vocabulary)
    assert referrer.values == (), "NaN is a missing value"
    assert found.distinct()["items"] == 2


def test_cleaning_counts_a_user_once_however_his_id_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One user is written 1 and 1.0 by turns, and has too few rows of either."""
    made = [
        row | {"user": ("1.0" if number % 2 else "1") if number < 20 else f"u-{number % 9}"}
        for number, row in enumerate(clicks.rows())
    ]
    asked = clicks.document(tmp_path, monkeypatch) | {"cleaning": {"minUserInteractions": 15}}
    found = loaded(asked, tmp_path, "CSV", made)
    assert (found.rows_dropped, len(found.rows), found.distinct()["users"]) == (0, 200, 10)
    users = found.users(np.arange(20))
    assert users is not None
    assert len(np.unique(users)) == 1


def test_rows_that_differ_in_the_spelling_alone_are_duplicates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = table(60)
    again = [{**row, "member": str(row["member"]).lower(), "shop": f"{row['shop']}.0"} for row in made[:10]]
    asked = document(tmp_path, monkeypatch) | {"cleaning": {"duplicates": "KeepFirst"}}
    asked["schema"]["columns"] = COLUMNS
    found = loaded(asked, tmp_path, "CSV", [*made, *again])
    assert found.rows_dropped == 10


OLD = Preprocessing(
    (
        OneHot("plan", ("True", "true", "1.0"), False),
        Hashed("phone", 1000, False),
        Vocabulary("shop", ("2.0", "3"), False, False),
    ),
    Target("y", "Binary", ("0", "1")),
    canonical=False,
)


def test_a_version_of_before_keeps_telling_what_it_told() -> None:
    """Its preprocessing.json names no spelling, and each way to write a category is another one."""
    encoded = preprocessing.encode(OLD)
    assert b"spelling" not in encoded
    assert preprocessing.decode(encoded) == OLD
    asked = {"plan": ["True", "true", "TRUE", "1.0"], "phone": ["True"] * 4, "shop": ["2.0", "2", "3.0", "3"]}
    made = OLD.apply(asked, 4)
    assert made.categorical[:, 0].tolist() == [1, 2, 0, 3]
    assert made.categorical[:, 1].tolist() == [4 + bucket_of("phone", "True", 1000)] * 4
    assert made.categorical[:, 2].tolist() == [1004, 0, 0, 1005]
    now = replace(OLD, canonical=True).apply(asked, 4)
    assert set(now.categorical[:, 1].tolist()) == {4 + bucket_of("phone", "true", 1000)}
    with pytest.raises(preprocessing.ArtifactError, match="the spelling 'Other'"):
        preprocessing.decode(preprocessing.encode(replace(OLD, canonical=True)).replace(b"Canonical", b"Other"))


def test_a_run_that_begins_with_a_version_of_before_finds_its_categories() -> None:
    fitted = Preprocessing(
        (
            OneHot("plan", ("1", "false", "true"), False),
            Hashed("phone", 1000, False),
            Vocabulary("shop", ("2", "3"), False, False),
        ),
        OLD.target,
    )
    places = continued(fitted, OLD, 1).axes["categories"].places.tolist()
    assert (places[:4], places[-2:]) == ([0, 3, -1, 2], [1004, 1005])
