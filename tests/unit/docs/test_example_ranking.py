"""The manifests of examples/movielens-ranking name the columns that its command joins, and its request is one."""

import re
import shlex
from pathlib import Path
from typing import Any

import yaml
from pyarrow import parquet
from tests.unit.docs.pages import ROOT

from recsys_workers import preprocessing
from recsys_workers.data import join
from recsys_workers.preprocessing import Column, Numeric, OneHot, Preprocessing, Target, Vocabulary
from recsys_workers.serve.rows import parse
from recsys_workers.tabular import schema
from recsys_workers.tabular.schema import NUMERIC

FOLDER = ROOT / "examples/movielens-ranking"
RATINGS = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t50\t5\t10\n2\t99\t3\t11\n"
USERS = "user_id:token\tage:token\tgender:token\toccupation:token\n1\t24\tM\twriter\n2\t53\tF\tother\n"


def models() -> list[dict[str, Any]]:
    objects = yaml.safe_load_all((FOLDER / "model.yaml").read_text())
    return [one["spec"] for one in objects if one["kind"] == "RecModel"]


def of_model(spec: dict[str, Any]) -> schema.TableSchema:
    return schema.parse(spec["schema"]["columns"], preprocessing.BINARY, spec["task"])


def joined(folder: Path) -> set[str]:
    """The columns of the table that the README's command makes, with all genres in the films' file."""
    (command,) = re.findall(r"python -m recsys_workers\.data\.join (.+)", (FOLDER / "README.md").read_text())
    features = of_model(models()[0]).features
    genres = [one.name.removeprefix("class_") for one in features if one.name.startswith("class_")]
    films = (
        f"item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n50\tA\t1977\t{' '.join(genres)}\n"
    )
    for suffix, text in (("inter", RATINGS), ("user", USERS), ("item", films)):
        (folder / f"ml-100k.{suffix}").write_text(text)
    (folder / "table").mkdir()
    assert join.main(shlex.split(command.replace("/data/", f"{folder}/"))) == 0
    (written,) = (folder / "table").iterdir()
    return set(parquet.read_schema(written).names)


def test_both_models_learn_from_the_joined_columns(tmp_path: Path) -> None:
    first, second = models()
    assert first["schema"] == second["schema"]
    assert set(of_model(first).columns) <= joined(tmp_path)
    (run, other) = ((FOLDER / f"run-{name}.yaml").read_text() for name in ("dcn", "logistic"))
    assert {yaml.safe_load(text)["spec"]["dataset"]["uri"] for text in (run, other)} == {
        "pvc://movielens-ranking/table"
    }


def test_the_request_has_every_column() -> None:
    columns: list[Column] = [
        Numeric(one.name, 0.0, 1.0, one.missing)
        if one.role == NUMERIC
        else OneHot(one.name, (), one.missing)
        if one.min_rows is None
        else Vocabulary(one.name, (), True, one.missing)
        for one in of_model(models()[0]).features
    ]
    asked, count = parse(
        (FOLDER / "request.json").read_bytes(), Preprocessing(tuple(columns), Target("liked", "Binary"))
    )
    assert count == 3
    assert list(asked["item_id"]) == ["50", "127", "122"]
