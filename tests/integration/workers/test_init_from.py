"""A run begins with a version's weights: networks keep what they know by name, and the trainer does so end to end."""

import copy
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from tests.integration.workers.curves import N_ITEMS, TINY, walks
from tests.integration.workers.test_architectures import EACH, IDS, LENGTH, lively, small
from tests.integration.workers.test_tabular import in_process, ran  # noqa: F401 a fixture
from tests.integration.workers.test_trainer_kill import LEFT, Trainer, run_json, write_data
from tests.unit.workers.ranking import clicks
from tests.unit.workers.tabular import tables
from torch import Tensor, nn

from recsys_workers import manifest, preprocessing
from recsys_workers.data.attributes import Attribute, ItemAttributes, coded
from recsys_workers.data.split import Examples
from recsys_workers.models.declaration import Choice
from recsys_workers.models.hyperparameters import Hyperparameters, check, declaration_of
from recsys_workers.models.items import ItemTable, plain
from recsys_workers.models.registry import ARCHITECTURES, build, build_rowwise
from recsys_workers.models.rowwise import RowShape
from recsys_workers.preprocessing import Hashed, Numeric, OneHot, Preprocessing, Target, Vocabulary
from recsys_workers.tabular.continued import continued
from recsys_workers.tabular.training import outputs_of, shape_of
from recsys_workers.tasks import OF_ROWS
from recsys_workers.train import axes, history, run_config, weights
from recsys_workers.train.__main__ import main
from recsys_workers.train.beginning import Beginning, CannotBegin
from recsys_workers.train.loop import Training
from recsys_workers.train.weights import tensors_of

pytestmark = pytest.mark.torch

THEIRS = [f"sku-{number}" for number in range(N_ITEMS)]
GONE, NEW = set(THEIRS[3:9]), [f"new-{number}" for number in range(8)]
OURS = sorted({*THEIRS, *NEW} - GONE, key=lambda name: (name[-1], name))
"""Another number of items, and hardly one in its place."""
KNOWN = [name for name in OURS if name in THEIRS]
BY_NAME = axes.by_name(THEIRS, OURS)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def weights_of(model: nn.Module, folder: Path) -> dict[str, Tensor]:
    """The model's weights as a later run reads them."""
    folder.mkdir(exist_ok=True)
    weights.write(folder, model)
    return dict(weights.decode((folder / manifest.WEIGHTS).read_bytes()))


def begun(architecture: str, given: dict[str, str], old: nn.Module, folder: Path) -> tuple[nn.Module, nn.Module]:
    """A model of OURS with the weights of the old one, and the fresh one that it was before."""
    settings = small(architecture, **given)
    torch.manual_seed(3)
    fresh = build(architecture, len(OURS), settings)
    model = copy.deepcopy(fresh)
    beginning = Beginning(1, weights_of(old, folder), {axes.ITEMS: BY_NAME})
    beginning.carry_into(model, lambda sizes: build(architecture, sizes[axes.ITEMS], settings))
    return model.eval(), fresh


@pytest.mark.parametrize(("architecture", "given"), EACH, ids=IDS)
def test_known_items_are_scored_as_before_and_new_ones_as_in_a_new_model(
    architecture: str, given: dict[str, str], tmp_path: Path
) -> None:
    old = lively(architecture, **given)
    model, fresh = begun(architecture, given, old, tmp_path)
    their, our = ([names.index(name) for name in KNOWN] for names in (THEIRS, OURS))
    random = np.random.default_rng(5)
    picked = random.integers(len(KNOWN), size=(20, LENGTH))
    with torch.no_grad():
        before = old(torch.tensor(np.array(their)[picked] + 1))[:, their]
        after = model(torch.tensor(np.array(our)[picked] + 1))[:, our]
    torch.testing.assert_close(after, before, atol=1e-5, rtol=1e-5)
    assert float(before.std()) > 0.01, "there is something to keep"

    tables_found = 0
    for name, tensor in tensors_of(model).items():
        if tensor.dim() == 2 and tensor.shape[0] == len(OURS) + 1:
            tables_found += 1
            rows = [OURS.index(name) + 1 for name in NEW]
            assert torch.equal(tensor[rows], tensors_of(fresh)[name][rows])
            assert not torch.equal(tensor[our], tensors_of(fresh)[name][our])
            assert torch.equal(tensor[0], tensors_of(old)[name][0]), "padding is padding"
    assert tables_found


def brands(n_items: int, count: int) -> ItemAttributes:
    """So many brands, one after the other over the items."""
    items = np.arange(1, n_items + 1)
    found, _ = coded(n_items, [Attribute("brand", items, items % count, [f"b{code}" for code in range(count)], 1)])
    return found


@pytest.mark.parametrize(("before", "now"), [(3, 0), (0, 4), (3, 4)], ids=["gone", "come", "others"])
@pytest.mark.parametrize("architecture", ["SASRec", "BSARec", "Decoder"])
def test_known_items_are_scored_as_before_whatever_became_of_the_attributes(
    architecture: str, before: int, now: int, tmp_path: Path
) -> None:
    old = lively(architecture)
    assert isinstance(old, ItemTable)
    if before:
        old.describe(brands(N_ITEMS, before))
        assert old.attributes is not None
        torch.nn.init.normal_(old.attributes.embedding.weight, std=0.3)
    model, _ = begun(architecture, {}, plain(old), tmp_path)
    assert isinstance(model, ItemTable)
    if now:
        model.describe(brands(len(OURS), now), torch.from_numpy(BY_NAME.places != axes.NEW))
    their, our = ([names.index(name) for name in KNOWN] for names in (THEIRS, OURS))
    picked = np.random.default_rng(5).integers(len(KNOWN), size=(20, LENGTH))
    with torch.no_grad():
        expected = old(torch.tensor(np.array(their)[picked] + 1))[:, their]
        found = model(torch.tensor(np.array(our)[picked] + 1))[:, our]
        added = model.table() - model.item_embedding.weight
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    strangers = [OURS.index(name) + 1 for name in NEW]
    assert bool(added[strangers].abs().sum(1).gt(0).all()) == bool(now), "new items get what their attributes add"
    assert not added[0].any()


def training(
    architecture: str,
    names: list[str],
    beginning: Beginning | None = None,
    attributes: ItemAttributes | None = None,
    **given: str,
) -> Training:
    """A training on walks through the items of these names."""
    place = np.array([0, *(1 + names.index(name) if name in names else 0 for name in THEIRS)], dtype=np.int32)
    sequences = [mapped[mapped > 0] for mapped in (place[walk] for walk in walks())]
    sequences = [sequence for sequence in sequences if len(sequence) > 2]
    last = np.array([sequence[-1] for sequence in sequences], dtype=np.int32)
    parts = [sequence[:-1] for sequence in sequences]
    examples = Examples(np.arange(len(parts)), parts, last)
    settings = check(architecture, {**TINY, "epochs": "3", **given})
    return Training(
        architecture,
        parts,
        examples,
        len(names),
        settings,
        seed=11,
        exclude_seen=False,
        attributes=attributes,
        beginning=beginning,
    )


@pytest.mark.parametrize(
    ("architecture", "given", "attributes"),
    [
        ("SASRec", {"averageDecay": "0.9"}, None),
        ("TwoTower", {"loss": "InBatchSoftmax"}, None),
        ("SASRec", {"averageDecay": "0.9"}, brands(len(OURS), 4)),
    ],
    ids=["averaged", "counted", "described"],
)
def test_a_stopped_run_that_began_with_a_version_ends_in_the_same_bits(
    architecture: str, given: dict[str, str], attributes: ItemAttributes | None, tmp_path: Path
) -> None:
    first = training(architecture, THEIRS, **given)
    first.run(lambda report: None, lambda: None)
    beginning = Beginning(1, weights_of(first.best_model(), tmp_path), {axes.ITEMS: BY_NAME})
    made = training(architecture, OURS, beginning, attributes, **given)
    reports = []

    def keep() -> None:
        if made.epoch == 1:
            made.save(tmp_path)

    made.run(reports.append, keep)
    assert [(report.epoch, report.loss is None) for report in reports] == [
        (0, True), (1, False), (2, False), (3, False)
    ]  # fmt: skip
    anew = training(architecture, OURS, None, attributes, **given)
    losses: list[float | None] = []
    anew.run(lambda report: losses.append(report.loss), lambda: None)
    assert reports[1].loss < losses[0], "it begins where the version had come to"

    torch.manual_seed(999)
    again = training(architecture, OURS, beginning, attributes, **given)
    again.restore(tmp_path)
    again.run(lambda report: None, lambda: None)
    assert again.history() == made.history()
    for kept in ("model", "judged"):
        expected, found = getattr(made, kept).state_dict(), getattr(again, kept).state_dict()
        assert ("attributes.embedding.weight" in expected) == (attributes is not None)
        assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_before_its_first_step_it_is_as_good_as_the_version_and_where_nothing_gets_better_it_stays_so(
    tmp_path: Path,
) -> None:
    first = training("SASRec", THEIRS, learningRate="0.01")
    first.run(lambda report: None, lambda: None)
    best, epoch = first.best_validation, first.best_epoch
    beginning = Beginning(1, weights_of(first.best_model(), tmp_path), {axes.ITEMS: axes.by_name(THEIRS, THEIRS)})
    made = training("SASRec", THEIRS, beginning, learningRate="1e-9", patience="2")
    made.run(lambda report: None, lambda: None)
    assert epoch > 0
    assert (made.points[0].epoch, made.points[0].step, made.points[0].validation) == (0, 0, best)
    assert (made.best_epoch, made.stopped_early, made.epoch) == (0, True, 2)
    kept = weights_of(made.best_model(), tmp_path)
    assert all(torch.equal(kept[name], tensor) for name, tensor in beginning.weights.items())


OLD = Preprocessing(
    (
        Numeric("price", 10.0, 2.0, True),
        OneHot("plan", ("a", "b", "c"), False),
        Hashed("city", 4, True),
        Vocabulary("user", ("u1", "u2", "u3"), True, True),
    ),
    Target("y", "Multiclass", ("low", "middle", "high")),
)
FITTED = Preprocessing(
    (
        Numeric("price", 99.0, 7.0, True),
        OneHot("plan", ("0", "b", "c", "d"), False),
        Hashed("city", 4, True),
        Vocabulary("user", ("u0", "u2", "u3", "u4"), True, True),
    ),
    Target("y", "Multiclass", ("high", "higher", "low")),
)
ROWS = {
    "price": np.array([9.0, np.nan, 14.0, 11.0]),
    "plan": ["b", "c", "b", "?"],
    "city": ["Bonn", None, "Ulm", "Jena"],
    "user": ["u2", None, "somebody", "u3"],
}
TARGETS = {
    "Multiclass": (OLD.target, FITTED.target, [2, 0], [0, 2]),
    "Binary": (Target("y", "Binary", ("0", "1")), Target("y", "Binary", ("0", "1")), [0], [0]),
    "Regression": (Target("y", "Regression", (), 50.0, 20.0), Target("y", "Regression", (), 7.0, 3.0), [0], [0]),
}


@pytest.mark.parametrize("objective", TARGETS)
@pytest.mark.parametrize(
    ("architecture", "given"),
    [
        ("Linear", {}),
        ("MLP", {"layers": "2", "hiddenSize": "6"}),
        ("LogisticRegression", {}),
        ("DCNv2", {"crossRank": "2", "embeddingSize": "3"}),
        ("DCNv2", {"structure": "Parallel", "embeddingSize": "3"}),
    ],
)
def test_known_categories_and_classes_are_told_as_before(
    architecture: str, given: dict[str, str], objective: str, tmp_path: Path
) -> None:
    their_target, our_target, their_classes, our_classes = TARGETS[objective]
    old, fitted = replace(OLD, target=their_target), replace(FITTED, target=our_target)
    made = continued(fitted, old, 1)
    settings = check(architecture, given)
    before = random_rows(architecture, shape_of(old), settings)
    shape = shape_of(made.preprocessing)

    def sized(sizes: Any) -> nn.Module:
        resized = replace(shape, table_size=sizes[axes.CATEGORIES], outputs=sizes[axes.CLASSES])
        return build_rowwise(architecture, resized, settings)

    torch.manual_seed(2)
    model = build_rowwise(architecture, shape, settings)
    Beginning(1, weights_of(before, tmp_path), made.axes).carry_into(model, sized)
    expected = outputs_of(before, old.apply(ROWS, 4))[:, their_classes]
    found = outputs_of(model, made.preprocessing.apply(ROWS, 4))[:, our_classes]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.ptp(expected) > 0.01, "there is something to keep"
    new = {**ROWS, "plan": ["d"] * 4, "user": ["u4"] * 4}
    assert np.isfinite(outputs_of(model, made.preprocessing.apply(new, 4))).all()


def random_rows(architecture: str, shape: RowShape, settings: Hyperparameters) -> nn.Module:
    torch.manual_seed(1)
    model = build_rowwise(architecture, shape, settings)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    with torch.no_grad():
        next(part for part in model.modules() if isinstance(part, nn.Embedding)).weight[0].zero_()
    return model


def networks() -> list[tuple[str, str]]:
    """Each hyperparameter of each architecture that is said to leave the network as it is."""
    return [(name, one.name) for name in ARCHITECTURES for one in declaration_of(name).parameters if one.keeps_weights]


@pytest.mark.parametrize(("architecture", "name"), networks())
def test_what_is_said_to_keep_the_weights_changes_none_of_their_shapes(architecture: str, name: str) -> None:
    declared = {one.name: one for one in declaration_of(architecture).parameters}
    parameter = declared[name]
    settings = check(architecture, {})
    other = parameter.allowed[-1] if isinstance(parameter, Choice) else str(parameter.high)
    changed = Hyperparameters({**settings.text, name: other})
    with torch.device("meta"):
        made = [shapes(architecture, one) for one in (settings, changed)]
    assert made[0] == made[1]


def shapes(architecture: str, settings: Hyperparameters) -> dict[str, Any]:
    if declaration_of(architecture).task in OF_ROWS:
        model = build_rowwise(architecture, shape_of(OLD), settings)
    else:
        model = build(architecture, N_ITEMS, settings)
    return {key: tensor.shape for key, tensor in tensors_of(model).items()}


class Odd(nn.Module):
    """A network whose tensors grow with its items as told."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(*shape))


@pytest.mark.parametrize(
    ("sized", "theirs", "said"),
    [
        (lambda items: Odd(items, 2), {"other": torch.zeros(3, 2)}, "only one of both networks has the tensors"),
        (
            lambda items: Odd(2 * items),
            {"weight": torch.zeros(6)},
            "weight does not grow by one with each of its items",
        ),
        (lambda items: Odd(items, 2), {"weight": torch.zeros(3, 5)}, "[3, 5] there, and this run needs"),
        (lambda items: Odd(items, 2), {"weight": torch.zeros(4, 2)}, "needs torch.float32 [3, 2]. Leave spec.initFrom"),
    ],
)
def test_weights_of_another_network_are_refused(
    sized: Callable[[int], nn.Module], theirs: dict[str, Tensor], said: str
) -> None:
    beginning = Beginning(4, theirs, {"items": axes.by_name(["a", "b", "c"], ["b", "d"])})
    with pytest.raises(CannotBegin, match="the weights of version 4 are of another network") as refused:
        beginning.carry_into(sized(2), lambda sizes: sized(sizes["items"]))
    assert said in str(refused.value)


def test_a_tensor_with_items_on_both_sides_keeps_those_that_are_known_on_both() -> None:
    model = Odd(3, 3)
    nn.init.constant_(model.weight, 7.0)
    theirs = {"weight": torch.arange(9.0).reshape(3, 3)}
    beginning = Beginning(4, theirs, {"items": axes.by_name(["a", "b", "c"], ["c", "new", "a"])})
    beginning.carry_into(model, lambda sizes: Odd(sizes["items"], sizes["items"]))
    assert model.weight.tolist() == [[8, 7, 6], [7, 7, 7], [2, 7, 0]]


def continue_from(made: dict[str, Any], version: int, **changes: Any) -> dict[str, Any]:
    return {**made, "uid": f"uid-after-{version}", "initFrom": {"version": version, "digest": None}, **changes}


def steps(made: dict[str, Any]) -> list[history.Point]:
    found = history.read(run_config.parse(made).run_folder)
    assert found is not None
    return list(found.points)


@pytest.mark.usefixtures("in_process")
def test_a_run_on_newer_data_keeps_the_rows_of_known_items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So slow that what it began with can be told from what it learned."""
    made = run_json("uid-1", []) | {"task": "Retrieval", "architecture": "BPRMF"}
    made["hyperparameters"] = {"hiddenSize": "8", "maxLength": "10", "epochs": "1"}
    for variable, path in (("PVC_ROOT", ""), ("TERMINATION_LOG", "termination"), ("RUN_CONFIG", "run.json")):
        monkeypatch.setenv(f"RECSYS_{variable}", str(tmp_path / path))
    (tmp_path / "store").mkdir()
    (tmp_path / "data").mkdir()
    log = tmp_path / "data" / "walks.inter"
    rows = [f"{user}\ti{(user * 7 + step) % 20}\t{step}" for user in range(30) for step in range(9)]
    header = "user_id:token\titem_id:token\ttimestamp:float"
    log.write_text("\n".join([header, *rows]) + "\n")
    folder, _ = ran(made, tmp_path)
    digest = manifest.digest_of((folder / manifest.MANIFEST).read_bytes())

    # One item is gone, and there are others, which come first in the catalogue.
    rows = [row.replace("\ti13\t", "\ta13\t") for row in rows] + [f"{user}\ta{user % 3}\t9" for user in range(30)]
    log.write_text("\n".join([header, *rows]) + "\n")
    newer = continue_from(made, 1, hyperparameters={**made["hyperparameters"], "learningRate": "1e-9"})
    folder, found = ran(newer, tmp_path)
    assert found["initFrom"] == {"version": 1, "digest": digest}
    assert (steps(newer)[0].epoch, steps(newer)[0].step) == (0, 0)
    old_names, names = (manifest.load(folder.parent / number, None).items().items for number in ("1", "2"))
    assert (names[:4], "i13" in names) == (["a0", "a1", "a13", "a2"], False)
    tables_of = [
        weights.decode((folder.parent / number / manifest.WEIGHTS).read_bytes())["item_factors.weight"]
        for number in ("1", "2")
    ]
    places = axes.by_name(old_names, names).places
    known = places != axes.NEW
    assert known.sum() == 19
    torch.testing.assert_close(tables_of[1][1:][known], tables_of[0][1:][places[known]], atol=1e-6, rtol=0)


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("task", ["Tabular", "Ranking"])
def test_a_run_on_newer_rows_keeps_what_the_version_knows(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, architecture, name = {"Tabular": (tables, "MLP", "plan"), "Ranking": (clicks, "DCNv2", "device")}[task]
    made = kind.document(tmp_path, monkeypatch, kind.rows(200)) | {"architecture": architecture}
    folder, _ = ran(made, tmp_path)
    before = preprocessing.decode((folder / manifest.PREPROCESSING).read_bytes())

    rows = [{**row, name: "another" if number % 5 == 0 else row[name]} for number, row in enumerate(kind.rows(260))]
    tables.write_csv(tmp_path / "data" / "customers.csv", rows)
    newer = continue_from(made, 1)
    folder, second = ran(newer, tmp_path)
    after = preprocessing.decode((folder / manifest.PREPROCESSING).read_bytes())
    assert second["initFrom"]["version"] == 1
    assert steps(newer)[0].epoch == 0
    numbers = [[column for column in each.columns if isinstance(column, Numeric)] for each in (before, after)]
    assert numbers[0] == numbers[1] != [], "the weights count in the units of the version"
    (column,) = (column for column in after.columns if column.name == name)
    assert isinstance(column, OneHot)
    assert "another" in column.values

    changed = continue_from(made, 2)
    changed["schema"] = {"columns": [column for column in made["schema"]["columns"] if column["name"] != name]}
    (tmp_path / "run.json").write_text(json.dumps(changed))
    assert main() == 2
    told = json.loads((tmp_path / "termination").read_text())
    assert told["reason"] == "InitFromMismatch"
    said = f"schema.columns[{name}] is Categorical (encoding OneHot) in version 2 and absent in this run"
    assert said in told["message"]


@pytest.mark.full
@pytest.mark.timeout(900)
def test_a_killed_run_that_began_with_a_version_ends_in_the_bits_of_one_that_was_not_killed(tmp_path: Path) -> None:
    """… also when the version that it began with is gone by then: the run keeps what it needs of it."""
    write_data(tmp_path / "data")
    (tmp_path / "store").mkdir()
    short = run_json("first", [])["hyperparameters"] | {"epochs": "1"}
    first = Trainer(tmp_path, "first", 1, hyperparameters=short)
    assert first.wait() == 0, first.text()
    begins = {"initFrom": {"version": 1, "digest": None}}
    undisturbed = Trainer(tmp_path, "undisturbed", 1, **begins)
    assert undisturbed.wait() == 0, undisturbed.text()

    killed = Trainer(tmp_path, "disturbed", 1, **begins)
    killed.wait_for_checkpoints(3)
    killed.kill()
    versions = killed.store / "versions"
    before = manifest.load(versions / "1", None)
    shutil.rmtree(versions / "1")
    (versions / "1").mkdir()
    second = Trainer(tmp_path, "disturbed", 2, **begins)
    assert second.wait() == 0, second.text()
    assert "continuing after epoch" in second.text()
    assert "begun with a version's weights" not in second.text(), "its checkpoint outweighs the version"
    assert second.left() == LEFT
    twins = [manifest.load(versions / number, None, {manifest.WEIGHTS, manifest.MODEL}) for number in ("2", "3")]
    assert twins[0].contents == twins[1].contents
    assert [twin.manifest.init_from for twin in twins] == [{"version": 1, "digest": before.digest}] * 2
    found = history.read(second.run_folder)
    assert found == history.read(undisturbed.run_folder)
    assert found is not None
    evaluation = json.loads(before.contents[manifest.EVALUATION])
    assert f"{found.points[0].validation:.6g}" == evaluation["validation"]["NDCG@10"]
    assert (found.points[0].epoch, found.points[0].loss) == (0, None)
    assert found.best_epoch > 0, "there was something left to learn"

    late = Trainer(tmp_path, "late", 1, **begins)
    assert late.wait(60) == 2, late.text()
    assert json.loads((tmp_path / "termination").read_text())["reason"] == "InitFromDeleted"
