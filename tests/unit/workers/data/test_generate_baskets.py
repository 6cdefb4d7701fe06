"""Generated baskets: the same for the same seed, and the truth's lists are what it says, tried on the orders."""

import json
from pathlib import Path

import numpy as np
import pytest
from pyarrow import csv

from recsys_workers.data.cleaning import Cleaning, clean
from recsys_workers.data.files import digest_of_files, list_files
from recsys_workers.data.generate import baskets
from recsys_workers.data.generate.__main__ import main
from recsys_workers.data.interactions import in_order
from recsys_workers.data.protocol import Protocol, split_by
from recsys_workers.data.readers import read_columns

ROLES = {"User": "order_id", "Item": "sku", "Timestamp": "added_at"}
SMALL = ["--table", "baskets", "--orders", "6000", "--products", "80", "--recipes", "10"]


def test_the_same_seed_gives_the_same_orders_and_another_one_others(tmp_path: Path) -> None:
    digests = []
    for name, seed in (("a", "7"), ("b", "7"), ("c", "8")):
        assert main([str(tmp_path / name), *SMALL, "--format", "CSV", "--seed", seed]) == 0
        digests.append(digest_of_files(list_files(tmp_path / name / "orders", "CSV")))
    assert digests[0] == digests[1] != digests[2]


def test_the_lists_of_the_truth_reach_what_it_says_on_the_targets_of_the_test(tmp_path: Path) -> None:
    assert main([str(tmp_path / "baskets"), *SMALL, "--format", "CSV"]) == 0
    said = json.loads((tmp_path / "baskets" / "truth.json").read_text())
    columns, _ = clean(read_columns(list_files(tmp_path / "baskets" / "orders", "CSV"), "CSV", ROLES), Cleaning())
    interactions = in_order(columns)
    test = split_by(Protocol("ByTime"), interactions)[0].test
    assert len(test.targets) == said["nextProduct"]["latestTenth"]["targets"]

    kitchen = baskets.build(baskets.Settings(6000, 80, 10))
    sku = np.array([int(name.removeprefix("sku-")) for name in interactions.item_ids])
    # Items are numbered from 1; 0 is padding.
    number = np.concatenate([[-1], sku])
    gains, hits = [], []
    for history, target in zip(test.histories, test.targets, strict=True):
        chance = baskets.next_product(kitchen, number[np.asarray(history)][None])[0]
        rank = int((chance > chance[number[target]]).sum())
        hits.append(rank < 10)
        gains.append(1 / np.log2(rank + 2) if rank < 10 else 0.0)
    for name, found in (("HR@10", hits), ("NDCG@10", gains)):
        error = float(np.std(found)) / len(found) ** 0.5
        assert abs(np.mean(found) - said["nextProduct"]["latestTenth"][name]) < 4 * error, name
        popular = np.sort(kitchen.chosen @ kitchen.weights)[::-1][:10].sum()
    assert np.mean(hits) > 1.5 * popular


def test_the_probabilities_of_the_next_product_are_those_of_many_draws() -> None:
    settings = baskets.Settings(orders=200_000, products=24, recipes=3)
    kitchen = baskets.build(settings)
    drawn = np.concatenate([part.products for part in baskets.orders(settings, kitchen)])
    first, second = np.unravel_index(np.bincount(drawn[:, 0] * 24 + drawn[:, 1]).argmax(), (24, 24))
    third = drawn[(drawn[:, 0] == first) & (drawn[:, 1] == second), 2]
    chance = baskets.next_product(kitchen, np.array([[first, second]]))[0]
    assert chance.sum() == pytest.approx(1)
    assert chance[[first, second]].tolist() == [0, 0]
    counted = np.bincount(third, minlength=24) / len(third)
    assert np.abs(counted - chance).max() < 5 * (0.25 / len(third)) ** 0.5


def test_a_product_stands_once_in_an_order_and_all_have_its_time(tmp_path: Path) -> None:
    assert main([str(tmp_path / "baskets"), *SMALL, "--format", "CSV", "--orders", "300"]) == 0
    table = csv.read_csv(tmp_path / "baskets" / "orders" / "part-00000.csv").to_pydict()
    pairs = list(zip(table["order_id"], table["sku"], strict=True))
    assert len(set(pairs)) == len(pairs)
    assert len(set(zip(table["order_id"], table["added_at"], strict=True))) == 300


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--orders", "5"], "--orders is 5: it must be at least 20."),
        (["--products", "10"], "--products is 10: it must be at least 24."),
        (["--rows", "5"], "--rows is not for --table baskets: leave it out."),
    ],
)
def test_settings_of_which_no_orders_can_be_made_are_refused(
    options: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path), "--table", "baskets", *options]) == 2
    assert capsys.readouterr().err.strip() == told
