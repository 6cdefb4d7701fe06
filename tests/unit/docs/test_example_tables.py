"""The manifests of examples/census and examples/reviews name columns of their tables, and their requests have them."""

import re
from typing import Any

import pytest
import yaml
from hack.demo import fetch_tables
from tests.unit.docs.pages import ROOT, blocks

from recsys_workers.preprocessing import Column, Numeric, OneHot, Preprocessing, Target
from recsys_workers.serve.rows import parse
from recsys_workers.tabular import schema
from recsys_workers.tfidf import Text

TABLES = {
    "census": [
        *("age", "workclass", "fnlwgt", "education", "educational-num", "marital-status", "occupation"),
        *("relationship", "race", "gender", "capital-gain", "capital-loss", "hours-per-week", "native-country"),
        "income",
    ],
    "reviews": ["Clothing ID", "Age", "Title", "Review Text", "Rating", "Recommended IND", "Class Name"],
}
"""The columns of each file whose SHA-256 the script checks."""
each = pytest.mark.parametrize("name", TABLES)


def objects(name: str, kind: str) -> list[dict[str, Any]]:
    paths = sorted((ROOT / "examples" / name).glob("*.yaml"))
    return [one for path in paths for one in yaml.safe_load_all(path.read_text()) if one["kind"] == kind]


def schema_of(model: dict[str, Any]) -> schema.TableSchema:
    spec = model["spec"]
    return schema.parse(spec["schema"]["columns"], spec["objective"], spec["task"])


@each
def test_the_schema_fits_the_table(name: str) -> None:
    for model in objects(name, "RecModel"):
        assert set(schema_of(model).columns) <= set(TABLES[name]), model["metadata"]["name"]


@each
def test_models_of_one_label_learn_from_the_same_columns(name: str) -> None:
    """Their figures stand side by side."""
    by_label: dict[str, list[schema.TableSchema]] = {}
    for model in objects(name, "RecModel"):
        by_label.setdefault(label_of(model), []).append(schema_of(model))
    assert all(other == first for first, *others in by_label.values() for other in others)


def label_of(model: dict[str, Any]) -> str:
    (label,) = [one["name"] for one in model["spec"]["schema"]["columns"] if one["role"] == schema.LABEL]
    return str(label)


def column(feature: schema.Feature) -> Column:
    if feature.role == schema.NUMERIC:
        return Numeric(feature.name, 0.0, 1.0, feature.missing)
    if feature.role == schema.TEXT:
        return Text(feature.name, ("fits",), (1.0,), feature.missing)
    return OneHot(feature.name, (), feature.missing)


@pytest.mark.parametrize(
    ("name", "deployment"), [("census", "income"), ("census", "hours"), ("census", "marital"), ("reviews", "reviews")]
)
def test_the_request_has_every_column(name: str, deployment: str) -> None:
    readme = (ROOT / "examples" / name / "README.md").read_text()
    (path,) = re.findall(rf"service/{deployment} (?:\d+):80 &\n +curl .* -d @(\S+)", readme)
    (spec,) = [one["spec"] for one in objects(name, "Deployment") if one["metadata"]["name"] == deployment]
    (model,) = [one for one in objects(name, "RecModel") if one["metadata"]["name"] == spec["modelRef"]["name"]]
    fitted = Preprocessing(tuple(map(column, schema_of(model).features)), Target("y", "Binary"))
    _, count = parse((ROOT / path).read_bytes(), fitted)
    assert count == 2


@pytest.mark.parametrize("page", ["docs/reference/serving.md", "docs/how-to/learn-from-rows.md"])
def test_the_request_of_a_page_fits_the_model_of_learn_from_rows(page: str) -> None:
    (model,) = [
        one
        for block in blocks((ROOT / "docs/how-to/learn-from-rows.md").read_text())
        if "kind: RecModel" in block.text
        for one in yaml.safe_load_all(block.text)
        if one["metadata"]["name"] == "churn"
    ]
    fitted = Preprocessing(tuple(map(column, schema_of(model).features)), Target("churned", "Binary"))
    requests = re.findall(
        r"""^    curl -s -H 'Host: churn.example.com' .*/predict -d '(.+)'$""", (ROOT / page).read_text(), re.M
    )
    assert [parse(request.encode(), fitted)[1] for request in requests] == [1]


@each
def test_the_file_goes_where_the_runs_read_it(name: str) -> None:
    assert name in fetch_tables.TABLES
    text = (ROOT / "examples" / name / "README.md").read_text()
    assert f"python3 hack/demo/fetch_tables.py {name} " in text
    (written, read) = re.findall(r'"cat > (\S+)" < (\S+)', text)[0]
    assert read == f".local/data/{name}/{name}.parquet"
    (pod,) = objects(name, "Pod")
    (mounted,) = pod["spec"]["containers"][0]["volumeMounts"]
    claim = pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"]
    uri = f"pvc://{claim}{written.removeprefix(mounted['mountPath'])}"
    assert {run["spec"]["dataset"]["uri"] for run in objects(name, "TrainingRun")} == {uri}
