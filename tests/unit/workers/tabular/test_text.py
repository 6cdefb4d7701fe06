"""TF-IDF: the definition by formula, that it is fitted on training rows, and the same bits in trainer and server."""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.workers.refusals import outcome
from tests.unit.workers.tabular.tables import document

from recsys_workers import preprocessing, tfidf
from recsys_workers.data.files import list_files
from recsys_workers.preprocessing import Preprocessing, Target
from recsys_workers.serve.refusal import Refused
from recsys_workers.serve.rows import parse
from recsys_workers.tabular import data, schema
from recsys_workers.tfidf import Text
from recsys_workers.train import run_config

COUNT = 10_000
WORDS = ["dress", "Größe", "fits", "not", "love", "a", "I", "snake_case", "2nd", "colour", "Ärmel", "слишком", "大きい"]
TARGET = Target("y", "Binary", ("0", "1"))


def texts(count: int) -> list[str | None]:
    """Some with no known word, some missing, with punctuation and all cases."""
    random = np.random.default_rng(7)
    share = np.arange(len(WORDS), 0, -1) / sum(range(len(WORDS) + 1))
    made: list[str | None] = []
    for number in range(count):
        drawn = random.choice(len(WORDS), size=int(random.integers(1, 12)), p=share)
        text = random.choice(["; ", " ", "-"]).join(WORDS[index] for index in drawn)
        made.append(None if number % 17 == 3 else "! ?" if number % 19 == 5 else text.upper() if number % 3 else text)
    return made


def loaded(made: dict[str, Any], folder: Path) -> data.Rowwise:
    config = run_config.parse(made)
    files = list_files(folder / "data", config.dataset.format)
    return data.load(files, config, schema.parse(config.schema, config.objective))


def of(folder: Path, monkeypatch: pytest.MonkeyPatch, told: list[dict[str, Any]], **column: Any) -> dict[str, Any]:
    made = document(folder, monkeypatch, told)
    made["schema"]["columns"] = [{"name": "note", "role": "Text", **column}, {"name": "label", "role": "Label"}]
    return made


def test_it_is_the_formula_by_matrices() -> None:
    """scikit-learn 1.x, TfidfVectorizer's documentation (smooth_idf, norm l2), written with whole matrices."""
    told = [text for text in texts(300) if text is not None]
    column = tfidf.fitted("note", told, 1000, missing=False)
    tokens = [[token for token in re.split(r"\W+", text.lower()) if len(token) > 1] for text in told]
    vocabulary = sorted({token for row in tokens for token in row})
    assert list(column.words) == vocabulary
    counts = np.array([[row.count(word) for word in vocabulary] for row in tokens], dtype=np.float64)
    idf = np.log((1 + len(told)) / (1 + (counts > 0).sum(0))) + 1
    weights = counts * idf
    lengths = np.linalg.norm(weights, axis=1, keepdims=True)
    expected = np.divide(weights, lengths, out=np.zeros_like(weights), where=lengths > 0)
    assert column.idf == pytest.approx(idf, rel=1e-12)
    assert np.allclose(column.numbers(told), expected, atol=1e-7)
    assert (lengths == 0).any()
    assert "a" not in vocabulary


def test_an_example_by_hand() -> None:
    """Three texts; `red` in two, `shoe` in one of them, once and twice."""
    assert tfidf.fitted("note", ["red red shoe", "red", "blue"], 2, missing=True).words == ("blue", "red")
    column = tfidf.fitted("note", ["red red shoe", "red", "blue"], 10, missing=True)
    red = math.log(4 / 3) + 1
    shoe = math.log(4 / 2) + 1
    length = math.hypot(2 * red, shoe)
    (row, missing) = column.numbers(["Red, red SHOE", None])
    assert row.tolist() == pytest.approx([0, 2 * red / length, shoe / length, 0], rel=1e-6)
    assert missing.tolist() == [0, 0, 0, 1]


def test_trainer_and_server_make_the_same_bits_of_10000_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, Any]] = [{"note": text, "label": number % 2} for number, text in enumerate(texts(COUNT))]
    found = loaded(of(tmp_path, monkeypatch, told, missing="Impute", maxFeatures=8), tmp_path)
    trained = found.preprocessing.apply(data.columns_of(found.table, found.rows), len(found.rows))
    fitted = preprocessing.decode(preprocessing.encode(found.preprocessing))
    assert fitted == found.preprocessing
    assert fitted.numeric_width == 9
    for start in range(0, COUNT, 1000):
        asked = [{"note": row["note"]} for row in told[start : start + 1000]]
        served = fitted.apply(*parse(json.dumps({"rows": asked}).encode(), fitted))
        assert np.array_equal(trained.numeric[start : start + 1000], served.numeric)
    one = fitted.apply(*parse(json.dumps({"rows": [{"note": told[11]["note"]}]}).encode(), fitted))
    assert np.array_equal(one.numeric[0], trained.numeric[11])
    lengths = np.linalg.norm(trained.numeric, axis=1)
    assert set(np.round(lengths, 5).tolist()) == {0.0, 1.0}


def test_the_most_frequent_words_of_the_training_rows_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = [
        {"note": "rare often often" if number < 40 else "later later later later", "label": number % 2, "day": number}
        for number in range(60)
    ]
    made = of(tmp_path, monkeypatch, told, maxFeatures=1)
    made["schema"]["columns"].append({"name": "day", "role": "Timestamp"})
    made["evaluation"] = {
        "protocol": "ByTime",
        "byTime": {"validationPercent": 15, "testPercent": 15},
        "metrics": ["AUC"],
    }
    found = loaded(made, tmp_path)
    (note,) = found.preprocessing.columns
    assert isinstance(note, Text)
    assert note.words == ("often",)
    assert not found.examples(found.parts.test).inputs.numeric.any()


def test_words_stand_behind_numbers_and_before_them() -> None:
    """Inputs are in the order of the schema."""
    number, note = preprocessing.Numeric("n", 0.0, 1.0, True), Text("t", ("ab", "cd"), (1.0, 1.0), False)
    told = {"n": np.array([2.0]), "t": ["cd"]}
    assert Preprocessing((number, note), TARGET).apply(told, 1).numeric.tolist() == [[2, 0, 0, 1]]
    assert Preprocessing((note, number), TARGET).apply(told, 1).numeric.tolist() == [[0, 1, 2, 0]]


@pytest.mark.parametrize(
    ("note", "column", "said"),
    [
        ("a b c", {}, "the column 'note' has no word of two letters or more in all 24 training rows"),
        (None, {}, "the column 'note' is empty, and so in 60 of 60 rows"),
        ("fine", {"role": "Categorical", "maxFeatures": 5}, "'note' has maxFeatures, which is for the role Text"),
    ],
)
def test_what_is_no_text_is_told(
    note: str | None, column: dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, Any]] = [{"note": note, "label": number % 2} for number in range(60)]
    code, reason, message = outcome(of(tmp_path, monkeypatch, told, **column), tmp_path)
    assert (code, reason) == (2, "InvalidData")
    assert said in message


def test_a_request_may_hold_a_long_text_and_nothing_else() -> None:
    fitted = Preprocessing((Text("t", ("long",), (1.0,), False),), TARGET)
    told, _ = parse(json.dumps({"rows": [{"t": "long " * 100_000}]}).encode(), fitted)
    assert fitted.apply(told, 1).numeric.tolist() == [[1.0]]
    for value, said in (([], "a list of 0 elements, but must be a string, a whole"), (None, "is empty")):
        with pytest.raises(Refused) as refused:
            parse(json.dumps({"rows": [{"t": value}]}).encode(), fitted)
        assert said in refused.value.message
