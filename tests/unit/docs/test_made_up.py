"""The log that docs/how-to/train-a-model.md has made up is what its RecModel and its run read."""

import csv
import re
from pathlib import Path

import pytest
import yaml
from tests.unit.docs.pages import ROOT, blocks

from recsys_workers.data.generate.__main__ import main


@pytest.fixture(scope="module")
def text() -> str:
    return (ROOT / "docs/how-to/train-a-model.md").read_text()


def test_the_log_that_is_made_up_has_the_columns_and_the_item_of_the_page(text: str, tmp_path: Path) -> None:
    (folder, options) = re.findall(r"-m recsys_workers\.data\.generate /data(\S+) (.+)", text)[0]
    made = tmp_path / folder.removeprefix("/")
    assert main([str(made), *options.split()]) == 0
    (read,) = re.findall(r"the run's dataset is `pvc://data(\S+)`", text)
    (part,) = (tmp_path / read.removeprefix("/")).iterdir()
    with part.open() as rows:
        columns = next(csv.reader(rows))
    (model,) = [yaml.safe_load(block.text) for block in blocks(text) if "kind: RecModel" in block.text]
    assert {column["name"] for column in model["spec"]["schema"]["columns"]} <= set(columns)
    assert part.suffix == ".csv"
    (item,) = re.findall(r"an item to ask for is `(\S+)`", text)
    assert f"\n{item}," in (made / "items.csv").read_text().replace('"', "")
