"""The item table of a run: what it leaves in the version, and what is refused before Ray starts."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.workers.refusals import check_refusal, outcome
from tests.unit.workers.train.played import Training

from recsys_workers import manifest
from recsys_workers.train import checks, prepared
from recsys_workers.train.__main__ import main
from recsys_workers.train.run_config import parse

TABLE = "item_id:token\tclass:token_seq\n" + "i0\tDrama War\ni1\tDrama\ni2\tWar\ni9\tNoir\n"


@pytest.fixture
def described(document: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    """The run with an item table beside the interactions; the fourth item has no row."""
    (tmp_path / "data" / "x.item").write_text(TABLE)
    table = {"uri": "pvc://data", "format": "RecBole", "idColumn": "item_id", "attributes": [{"name": "class"}]}
    document["dataset"]["items"] = table
    (tmp_path / "run.json").write_text(json.dumps(document))
    return document


def test_it_stands_in_the_version_beside_the_dataset(
    described: dict[str, Any], training: Training, tmp_path: Path
) -> None:
    assert main() == 0
    config = parse(described)
    version = manifest.load(config.versions_folder / "1", None)
    digest = (config.run_folder / "items.digest").read_text().strip()
    told = {
        "uri": "pvc://data",
        "format": "RecBole",
        "digest": digest,
        "rows": 4,
        "itemsWithRow": 3,
        "itemsWithoutRow": 1,
        "attributes": [{"name": "class", "values": 2, "rare": 0, "without": 1}],
    }
    assert json.loads(version.contents[manifest.DATA])["itemTable"] == told
    assert version.manifest.dataset["itemTable"] == told
    assert digest != version.manifest.dataset["digest"]
    assert (
        f"told by pvc://data ({digest}), which has no row for 1 of them"
        in version.contents[manifest.MODEL_CARD].decode()
    )
    assert set(training.told[0]["dataset"]) == {
        "digest",
        "users",
        "items",
        "interactions",
        "rowsDropped",
        "tiedUsers",
    }


def test_a_run_without_one_writes_what_it_always_wrote(
    document: dict[str, Any], run_folder: Path, training: Training
) -> None:
    assert main() == 0
    version = manifest.load(parse(document).versions_folder / "1", None)
    assert "itemTable" not in version.manifest.dataset
    assert "itemTable" not in json.loads(version.contents[manifest.DATA])
    assert not (run_folder / "items.digest").exists()


def test_rays_worker_reads_the_attributes_that_were_laid_down(described: dict[str, Any]) -> None:
    config = parse(described)
    config.run_folder.mkdir(parents=True)
    found = checks.data(config)
    assert found.attributes is not None
    prepared.write(config.run_folder, found.split, found.attributes)
    read = prepared.read_attributes(config.run_folder)
    assert read is not None
    assert read.n_values == found.attributes.n_values == 3
    for name in ("values", "weights", "starts"):
        assert np.array_equal(getattr(read, name), getattr(found.attributes, name))
    prepared.write(config.run_folder, found.split)
    assert prepared.read_attributes(config.run_folder) is None


@pytest.mark.parametrize(
    ("path", "value", "reason", "said"),
    [
        (["uri"], "pvc://data/absent", "InvalidData", "The item table pvc://data/absent does not exist: check spec."),
        (["uri"], "pvc://data/absent", "InvalidData", "check spec.dataset.items.uri"),
        (["uri"], "http://data", "InvalidRunConfig", "pvc://<claim>/<path>, s3://<bucket>/<path> or gs"),
        (["format"], "Parquet", "InvalidData", "The item table folder pvc://data holds no *.parquet file"),
        (["idColumn"], "id", "InvalidData", "pvc://data/x.item has no column 'id', which dataset.items names"),
        (["attributes"], [{"name": "genre"}], "InvalidData", "has no column 'genre', which dataset.items names"),
        (["attributes", 0, "minRows"], 3, "InvalidData", "none of the 2 values of the column 'class' stands with 3"),
        (["digest"], "sha256:" + "0" * 64, "DatasetChanged", "but the TrainingRun's dataset.items.digest fixed"),
        (["attributes"], None, "InvalidRunConfig", "run.json is wrong"),
    ],
)
def test_what_cannot_heal_exits_2_and_names_the_item_table(
    described: dict[str, Any], tmp_path: Path, path: list[Any], value: Any, reason: str, said: str
) -> None:
    check_refusal(described, tmp_path, ["dataset", "items", *path], value, reason, said)


def test_an_architecture_that_learns_from_none_is_refused(described: dict[str, Any], tmp_path: Path) -> None:
    described |= {"task": "Retrieval", "architecture": "BPRMF"}
    code, reason, message = outcome(described, tmp_path)
    assert (code, reason) == (2, "InvalidRunConfig")
    assert "BPRMF takes no attributes of items: leave dataset.items out, or use BSARec or Decoder or SASRec." in message


def test_other_bytes_than_the_first_attempts_are_refused(described: dict[str, Any], tmp_path: Path) -> None:
    config = parse(described)
    config.run_folder.mkdir(parents=True)
    checks.data(config)
    (tmp_path / "data" / "x.item").write_text(TABLE + "i3\tWar\n")
    code, reason, message = outcome(described, tmp_path)
    assert (code, reason) == (2, "DatasetChanged")
    assert message.startswith("The item table has digest sha256:")
    assert "the run's first attempt fixed" in message
