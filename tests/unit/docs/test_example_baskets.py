"""The manifests of examples/baskets name the columns that the generator makes, and its request the products."""

import json
import re
from pathlib import Path

import yaml
from pyarrow import csv
from tests.unit.docs.pages import ROOT

from recsys_workers.data.generate.__main__ import main

FOLDER = ROOT / "examples/baskets"


def test_the_example_reads_what_its_command_generates(tmp_path: Path) -> None:
    pod = next(one for one in yaml.safe_load_all((FOLDER / "dataset.yaml").read_text()) if one["kind"] == "Pod")
    asked = pod["spec"]["containers"][0]["command"][3:]
    model = next(one for one in yaml.safe_load_all((FOLDER / "model.yaml").read_text()) if one["kind"] == "RecModel")
    run = yaml.safe_load((FOLDER / "run.yaml").read_text())

    assert asked[0].startswith("/data/")
    assert main([str(tmp_path / "baskets"), *asked[1:], "--orders", "300"]) == 0
    assert run["spec"]["dataset"]["uri"] == "pvc://orders/" + asked[0].removeprefix("/data/") + "/orders"
    assert run["spec"]["dataset"]["format"] == asked[asked.index("--format") + 1]
    table = csv.read_csv(tmp_path / "baskets/orders/part-00000.csv")
    assert table.column_names == [column["name"] for column in model["spec"]["schema"]["columns"]]

    request = re.search(r"-d '(.*)'", (FOLDER / "README.md").read_text())
    assert request is not None
    for item in json.loads(request[1])["history"]:
        assert item["id"] in table["sku"].to_pylist()


def test_what_comes_out_of_it_passes_its_gate_and_beats_nobody_who_knows_the_recipes() -> None:
    page = (FOLDER / "README.md").read_text()
    table = ([cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("|"))
    rows = {name: figures for name, *figures in table}
    model = next(one for one in yaml.safe_load_all((FOLDER / "model.yaml").read_text()) if one["kind"] == "RecModel")
    least = next(float(gate["floor"]["min"]) for gate in model["spec"]["gates"] if "min" in gate.get("floor", {}))
    ndcg, hit_rate = (float(figure) for figure in rows["run `cart-1`"])
    best, best_hit_rate = (float(figure) for figure in rows["nobody more"])
    assert max(least, float(rows["popularity"][0])) < ndcg < best
    assert ndcg < hit_rate < best_hit_rate
