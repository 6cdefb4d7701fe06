"""The manifests of examples/churn are what the types take, and name the columns that the generator makes."""

from typing import Any

import numpy as np
import yaml
from tests.unit.docs.pages import ROOT
from tests.unit.docs.test_manifests import SPECS, strangers

from recsys_operator.api.tuning import Tuning
from recsys_operator.decide import tuning
from recsys_operator.decide.hyperparameters import Source
from recsys_workers.data.generate import churn
from recsys_workers.tabular import schema

FOLDER = ROOT / "examples/churn"


def objects() -> list[dict[str, Any]]:
    return [one for path in sorted(FOLDER.glob("*.yaml")) for one in yaml.safe_load_all(path.read_text())]


def specs_of(kind: str) -> list[dict[str, Any]]:
    return [one["spec"] for one in objects() if one["kind"] == kind and one["apiVersion"].startswith("recsys.dev/")]


def test_the_types_know_every_field() -> None:
    for kind, count in (("RecModel", 1), ("TrainingRun", 2), ("Deployment", 1)):
        specs = specs_of(kind)
        assert len(specs) == count
        for spec in specs:
            assert list(strangers(spec, SPECS[kind].spec.model_validate(spec).wire())) == []


def test_the_space_that_is_searched_is_one_of_the_models_architecture() -> None:
    (model,) = specs_of("RecModel")
    (searched,) = [spec["tuning"] for spec in specs_of("TrainingRun") if "tuning" in spec]
    architecture = model["architecture"]
    fixed = Source("model", architecture["hyperparameters"])
    assert tuning.faults(architecture["name"], Tuning.model_validate(searched), fixed) == ()


def test_the_schema_fits_the_generated_table() -> None:
    (model,) = specs_of("RecModel")
    table, _ = churn.chunk(np.random.default_rng(1), 0, 100)
    wanted = schema.parse(model["schema"]["columns"], model["objective"])
    assert set(wanted.columns) <= set(table.column_names)


def test_the_generator_takes_the_command_of_the_pod() -> None:
    (pod,) = [one for one in objects() if one["kind"] == "Pod"]
    container = pod["spec"]["containers"][0]
    assert container["command"][:3] == ["python", "-m", "recsys_workers.data.generate"]
    (mounted,) = container["volumeMounts"]
    folder, options = container["command"][3], container["command"][4:]
    assert folder.startswith(mounted["mountPath"] + "/")
    claim = pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"]
    uri = f"pvc://{claim}{folder.removeprefix(mounted['mountPath'])}/churn"
    assert all(spec["dataset"] == {"uri": uri, "format": "Parquet"} for spec in specs_of("TrainingRun"))
    assert options == ["--table", "churn", "--rows", "100000", "--seed", "1"]
