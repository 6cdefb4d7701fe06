"""docs/how-to/add-an-architecture.md does what it says: its file and its line are taken as they stand."""

import ast
import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from tests.integration.workers import golden_curves
from tests.integration.workers.curves import N_ITEMS, curve, walks

from recsys_workers.evaluate.parity import compare
from recsys_workers.evaluate.scoring import Graph, tasks_of
from recsys_workers.export.graph import export
from recsys_workers.export.reference import reference
from recsys_workers.models import hyperparameters, registry
from recsys_workers.models.schema import file_of, text_of

pytestmark = pytest.mark.torch

PAGE = Path(__file__).parents[3] / "docs/how-to/add-an-architecture.md"


@pytest.fixture
def _added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's file under its name, its line in the registry, and what `make generate` writes."""
    code, line = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    ((name, where),) = ast.literal_eval("{" + line.strip() + "}").items()
    module = where.partition(":")[0]
    (tmp_path / "basket.py").write_text(code)
    spec = importlib.util.spec_from_file_location(module, tmp_path / "basket.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    monkeypatch.setitem(sys.modules, module, loaded)
    monkeypatch.setitem(registry.ARCHITECTURES, name, where)
    monkeypatch.setattr(hyperparameters, "SCHEMAS", tmp_path)
    (tmp_path / file_of(name)).write_text(text_of(registry.load(name).DECLARATION))


@pytest.mark.usefixtures("_added")
def test_the_example_trains_exports_and_does_not_care_for_order() -> None:
    reports = curve("Basket", patience="3")
    assert reports[-1].loss < reports[0].loss - 0.2
    with pytest.raises(hyperparameters.InvalidHyperparameters, match="did you mean hiddenSize"):
        hyperparameters.check("Basket", {"hiddensize": "8"})
    torch.manual_seed(1)
    given = hyperparameters.check("Basket", {"hiddenSize": "8", "maxLength": "10", "inputLength": "16"})
    model = registry.build("Basket", N_ITEMS, given).eval()
    tasks = tasks_of([np.array([3], dtype=np.int32), *walks()], exclude_seen=True)
    lists = Graph(export(model, N_ITEMS, 16), N_ITEMS, 10, 16, threads=1).lists(tasks)
    assert compare(lists, reference(model, tasks, lists, 10), 1e-5).different_users == 0
    with torch.no_grad():
        torch.testing.assert_close(model(torch.tensor([[0, 1, 2, 3]])), model(torch.tensor([[3, 2, 1, 0]])))


@pytest.mark.usefixtures("_added")
def test_its_golden_curve_is_written_beside_the_others(tmp_path: Path) -> None:
    """As `make golden` does it."""
    file = tmp_path / "curves.json"
    before = golden_curves.FILE.read_text()
    file.write_text(before)
    entry = golden_curves.entries(file)["Basket"]
    found = golden_curves.played(entry)
    assert not golden_curves.same(entry, found), "it has none yet"
    golden_curves.keep("Basket", found, file)
    written = golden_curves.entries(file)["Basket"]
    assert (written["architecture"], written["hyperparameters"], len(written["loss"])) == ("Basket", {}, 6)
    assert golden_curves.same(written, golden_curves.played(written))
    assert file.read_text().startswith(before.rstrip("}\n ")), "the others stay as they are"
    kept = file.read_text()
    golden_curves.keep("Basket", {key: [value + 1e-5 for value in values] for key, values in found.items()}, file)
    assert file.read_text() == kept, "what differs by the rounding of another machine stays"
