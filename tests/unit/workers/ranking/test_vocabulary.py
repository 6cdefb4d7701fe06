"""Ids with a row of their own where they are frequent, by one code in trainer and server."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.workers.ranking.clicks import COLUMNS, document, rows

from recsys_workers import preprocessing
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.files import list_files
from recsys_workers.preprocessing import Preprocessing, Target, Vocabulary
from recsys_workers.serve.rows import parse
from recsys_workers.tabular import data, fitting, schema
from recsys_workers.train import run_config

TARGET = Target("y", "Binary", ("0", "1"))


def loaded(made: dict[str, Any], folder: Path) -> data.Rowwise:
    config = run_config.parse(made)
    files = list_files(folder / "data", config.dataset.format)
    return data.load(files, config, schema.parse(config.schema, config.objective, config.task))


def test_ids_are_cut_by_their_training_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = rows()
    found = loaded(document(tmp_path, monkeypatch, table), tmp_path)
    assert (len(found.parts.train), len(found.parts.test)) == (160, 20)
    training = table[:160]
    user, item, _, _, referrer = found.preprocessing.columns
    counted = Counter(row["user"] for row in training)
    assert isinstance(user, Vocabulary)
    assert set(user.values) == {name for name, count in counted.items() if count >= 4}
    assert min(counted.values()) < 4
    assert user.rare
    assert isinstance(item, Vocabulary)
    assert not item.rare, "minRows 1: no training row has a rare one"
    assert "i-new" not in item.values
    assert isinstance(referrer, Vocabulary)
    assert referrer.missing
    assert referrer.size == len(referrer.values) + 2
    test = found.examples(found.parts.test).inputs
    assert set(test.categorical[:, 1].tolist()) == {preprocessing.UNKNOWN}, "a new item counts as none"
    rare = 1 + len(user.values)
    for row, place in zip(table[180:], test.categorical[:, 0].tolist(), strict=True):
        assert (place == rare) == (row["user"] not in user.values)
    assert found.distinct() == {"users": len({row["user"] for row in table}), "items": 9}


def test_each_value_has_its_place() -> None:
    fitted = Preprocessing(
        (Vocabulary("u", ("a", "b"), True, False), Vocabulary("i", ("x",), False, True)),
        TARGET,
    )
    assert fitted.table_size == 1 + 3 + 2
    made = fitted.apply({"u": ["a", "b", "new", "a"], "i": ["x", None, "new", "x"]}, 4)
    assert made.categorical.tolist() == [[1, 4], [2, 5], [3, 0], [1, 4]]
    assert made.unknown == 2
    again = preprocessing.decode(preprocessing.encode(fitted))
    assert again == fitted
    assert b"places" not in preprocessing.encode(fitted)
    assert np.array_equal(again.apply({"u": ["b"], "i": ["x"]}, 1).categorical, [[2, 4]])


def test_trainer_and_server_make_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = rows(1000)
    found = loaded(document(tmp_path, monkeypatch, table), tmp_path)
    trained = found.preprocessing.apply(data.columns_of(found.table, found.rows), len(found.rows))
    fitted = preprocessing.decode(preprocessing.encode(found.preprocessing))
    names = [column["name"] for column in COLUMNS if column["role"] not in ("Label", "Timestamp")]
    asked = [{name: row[name] for name in names} for row in table]
    served = fitted.apply(*parse(json.dumps({"rows": asked}).encode(), fitted))
    assert np.array_equal(trained.numeric, served.numeric)
    assert np.array_equal(trained.categorical, served.categorical)
    assert trained.unknown == served.unknown > 0


def test_too_many_words_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "MOST_WORDS", 3)
    with pytest.raises(InvalidData, match=r"'user' has 5 values with 4 training rows or more, and a vocabulary at mo"):
        loaded(document(tmp_path, monkeypatch), tmp_path)
