"""The generated log: the same for the same seed, and no better to predict than it says, tried on the log itself."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet
from scipy.stats import rankdata

from recsys_workers.data.cleaning import Cleaning, clean
from recsys_workers.data.files import digest_of_files, list_files
from recsys_workers.data.generate import log
from recsys_workers.data.generate.__main__ import main
from recsys_workers.data.generate.log import Chunk, chunks, transition
from recsys_workers.data.generate.truth import Clicks, Truth, best_lists
from recsys_workers.data.generate.world import Settings, World, build
from recsys_workers.data.interactions import in_order
from recsys_workers.data.protocol import Protocol, split_by
from recsys_workers.data.readers import read_columns

ROLES = {"User": "user_id", "Item": "item_id", "Timestamp": "timestamp"}
SMALL = ["--users", "60", "--items", "50", "--categories", "4", "--impressions", "8"]


def written(folder: Path, *options: str) -> dict[str, Any]:
    assert main([str(folder), *SMALL, *options]) == 0
    truth: dict[str, Any] = json.loads((folder / "truth.json").read_text())
    return truth


def digest(folder: Path, file_format: str = "Parquet") -> str:
    return digest_of_files([*list_files(folder, file_format), *list_files(folder, "CSV")])


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(tmp_path: Path) -> None:
    truth = written(tmp_path / "a", "--seed", "7")
    assert written(tmp_path / "b", "--seed", "7") == truth
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    assert written(tmp_path / "c", "--seed", "8")["rows"] != truth["rows"]
    written(tmp_path / "d", "--seed", "7", "--drift", "0.5")
    assert digest(tmp_path / "a") != digest(tmp_path / "d")


def test_a_part_of_a_log_without_a_next_item_has_no_score(tmp_path: Path) -> None:
    truth = written(tmp_path, "--users", "1", "--items", "200", "--impressions", "4")
    assert truth["nextItem"]["latestTenth"] == {"targets": 0}


def test_all_formats_hold_the_same_rows_and_can_be_trained_on(tmp_path: Path) -> None:
    found = {}
    for file_format in ("Parquet", "CSV", "JSONLines"):
        truth = written(tmp_path / file_format, "--format", file_format)
        files = list_files(tmp_path / file_format / "impressions", file_format)
        columns, _ = clean(read_columns(files, file_format, ROLES), Cleaning())
        interactions = in_order(columns)
        assert columns.timed
        assert len(interactions.items) == truth["rows"]["impressions"]
        for protocol in ("LeaveOneOut", "ByTime"):
            split, _ = split_by(Protocol(protocol), interactions)
            assert len(split.test.targets) > 20
        found[file_format] = (interactions.user_ids, interactions.item_ids, interactions.items.tolist(), columns.time)
    assert found["CSV"] == found["Parquet"] == found["JSONLines"]


def test_events_are_what_came_of_the_impressions(tmp_path: Path) -> None:
    truth = written(tmp_path / "log", "--seed", "3")
    impressions = parquet.read_table(tmp_path / "log" / "impressions")
    events = parquet.read_table(tmp_path / "log" / "events")
    kinds = dict(zip(*(part.to_pylist() for part in events["event"].value_counts().flatten()), strict=True))
    rows = truth["rows"]
    assert (kinds["Impression"], kinds["Click"]) == (impressions.num_rows, rows["clicks"])
    assert (kinds.get("Cart", 0), kinds.get("Purchase", 0)) == (rows["carts"], rows["purchases"])
    assert rows["events"] == events.num_rows
    labels = [np.array(impressions[name]) for name in ("click", "cart", "purchase")]
    assert [int(label.sum()) for label in labels] == [rows["clicks"], rows["carts"], rows["purchases"]]
    assert (labels[0] >= labels[1]).all()
    assert (labels[1] >= labels[2]).all()
    items = csv.read_csv(tmp_path / "log" / "items.csv")
    assert items.column_names == ["item_id", "title", "category", "price", "rating"]
    assert set(impressions["item_id"].to_pylist()) <= set(items["item_id"].to_pylist())
    prices = dict(zip(items["item_id"].to_pylist(), items["price"].to_pylist(), strict=True))
    assert [prices[item] for item in impressions["item_id"].to_pylist()] == impressions["price"].to_pylist()


def simulated(**changes: Any) -> tuple[World, Truth, list[Chunk]]:
    world = build(Settings(users=4000, items=200, categories=5, impressions=15, **changes))
    truth, made = Truth(world), list(chunks(world))
    for chunk in made:
        truth.add(chunk)
    return world, truth, made


@pytest.fixture(scope="module", params=[0.0, 0.8])
def shop(request: pytest.FixtureRequest) -> tuple[World, Truth, list[Chunk]]:
    """A log without drift, and one with much of it."""
    return simulated(drift=request.param)


def test_the_clicks_score_as_the_written_probabilities_promise(shop: tuple[World, Truth, list[Chunk]]) -> None:
    _, truth, made = shop
    probability = np.concatenate([chunk.click_probability for chunk in made])
    click = np.concatenate([chunk.click for chunk in made])
    positive, negative = int(click.sum()), int((~click).sum())
    auc = (rankdata(probability)[click].sum() - positive * (positive + 1) / 2) / (positive * negative)
    loss = -np.where(click, np.log(probability), np.log(1 - probability))
    promised = truth.clicks.scores()
    assert auc == pytest.approx(promised["bayesAuc"], abs=4 * 0.5 / np.sqrt(min(positive, negative)))
    assert loss.mean() == pytest.approx(promised["bayesLogLoss"], abs=4 * loss.std() / np.sqrt(len(loss)))
    assert positive == pytest.approx(promised["expectedClicks"], abs=4 * np.sqrt(len(click)) / 2)
    assert promised["bayesAuc"] > 0.65, "There must be something to learn."
    assert truth.click_scores() == {**promised, "latestTenth": truth.latest_clicks.scores()}


def test_the_latest_tenth_is_counted_by_itself(shop: tuple[World, Truth, list[Chunk]]) -> None:
    world, truth, made = shop
    latest = [chunk.click_probability[chunk.time >= 0.9 * world.settings.milliseconds] for chunk in made]
    alone = Clicks()
    for part in latest:
        alone.add(part)
    assert truth.click_scores()["latestTenth"] == alone.scores()
    assert alone.impressions == sum(map(len, latest)) > 0
    assert alone.scores()["expectedClicks"] == pytest.approx(sum(part.sum() for part in latest))
    assert Clicks().scores() == {}, "A log so small has no latest tenth."


def test_the_promised_auc_is_that_of_all_pairs() -> None:
    _, _, made = simulated(drift=0.0)
    few = np.concatenate([chunk.click_probability for chunk in made])[:300]
    alone = Clicks()
    alone.add(few)
    pairs = few[:, None] * (1 - few[None, :])
    better = (few[:, None] > few[None, :]) + 0.5 * (few[:, None] == few[None, :])
    np.fill_diagonal(pairs, 0)
    assert alone.scores()["bayesAuc"] == pytest.approx((pairs * better).sum() / pairs.sum(), abs=1e-4)


def test_the_best_lists_hit_as_often_as_promised_and_popularity_does_not(
    shop: tuple[World, Truth, list[Chunk]],
) -> None:
    world, truth, made = shop
    states = [best_lists(world, drift)[0] for drift in (0.0, world.settings.drift)]
    popular = np.argsort(-world.popularity)[:10]
    promised = truth.next_item_scores()
    hits, parts, by_popularity = [], [], []
    for chunk in made:
        follows = np.flatnonzero(chunk.user[1:] == chunk.user[:-1])
        before, target, time = chunk.item[follows], chunk.item[follows + 1], chunk.time[follows + 1]
        drifted = time >= world.settings.milliseconds / 2
        lists = np.where(drifted[:, None], states[1][before], states[0][before])
        hits.append(lists == target[:, None])
        parts.append(time >= 0.9 * world.settings.milliseconds)
        by_popularity.append(np.isin(target, popular))
    hit, latest = np.concatenate(hits), np.concatenate(parts)
    for name, chosen in (("all", np.ones(len(hit), np.bool_)), ("latestTenth", latest)):
        assert promised[name]["targets"] == chosen.sum()
        error = 4 * 0.5 / np.sqrt(chosen.sum())
        for k in (1, 5, 10):
            assert hit[chosen, :k].any(axis=1).mean() == pytest.approx(promised[name][f"HR@{k}"], abs=error)
        gain = (hit[chosen] / np.log2(np.arange(2, 12))).sum(axis=1).mean()
        assert gain == pytest.approx(promised[name]["NDCG@10"], abs=error)
    assert np.concatenate(by_popularity).mean() < promised["all"]["HR@10"] / 2
    assert promised["lastOfEachUser"]["targets"] == world.settings.users


def test_the_best_lists_are_those_of_all_items_in_order() -> None:
    world = build(Settings(users=1, items=60, categories=3, drift=0.4))
    for drift in (0.0, 0.4):
        items, chances = best_lists(world, drift)
        before = np.arange(60)
        everything = transition(world, before, np.tile(before, (60, 1)), drift)
        assert everything.sum(axis=1) == pytest.approx(np.ones(60))
        assert chances == pytest.approx(-np.sort(-everything, axis=1)[:, :10])
        assert np.take_along_axis(everything, items, axis=1) == pytest.approx(chances)


def test_drift_is_there_from_the_middle_on() -> None:
    world, truth, _ = simulated(drift=0.8)
    old, new = (best_lists(world, drift)[0][:, 0] for drift in (0.0, 0.8))
    assert (old == world.successors[0, :, 0]).mean() > 0.9
    assert (new == world.successors[1, :, 0]).mean() > 0.9
    scores = truth.next_item_scores()
    assert scores["beforeDrift"]["targets"] + scores["afterDrift"]["targets"] == scores["all"]["targets"]
    early, late = (np.full(4000, share * world.settings.milliseconds, np.int64) for share in (0.4, 0.6))
    user, item = np.arange(4000), np.zeros(4000, np.int64)
    assert not np.allclose(
        world.click_probability(user, item, early), world.click_probability(user, item, late), rtol=0.01
    )


def test_a_log_does_not_depend_on_how_many_users_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "CHUNK_ROWS", 150)
    few, many = (
        list(chunks(build(Settings(users=users, items=100, categories=2, impressions=5)))) for users in (60, 90)
    )
    assert [chunk.number for chunk in many] == [0, 1, 2]
    for left, right in zip(few, many, strict=False):
        assert (left.item == right.item).all()
        assert (left.time == right.time).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--items", "39"], "--items is 39: with 4 categories it must be at least 40"),
        (["--impressions", "3"], "--impressions is 3: it must be at least 4"),
        (["--users", "0"], "--users is 0: it must be at least 1"),
        (["--drift", "1.5"], "--drift is 1.5: it must be from 0 (none) to 1"),
    ],
)
def test_settings_of_which_no_shop_can_be_made_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert main([str(tmp_path / "log"), *SMALL, *options]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "log").exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").write_text("")
    assert main([str(tmp_path), *SMALL]) == 2
    assert f"The folder {tmp_path} is not empty" in capsys.readouterr().err
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine"]


def test_times_are_where_they_were_asked_for(tmp_path: Path) -> None:
    written(tmp_path / "log", "--start", "2025-06-01", "--days", "2")
    times = pa.compute.min_max(parquet.read_table(tmp_path / "log" / "impressions")["timestamp"]).as_py()
    assert times["min"].isoformat() >= "2025-06-01T00:00:00+00:00"
    assert times["max"].isoformat() < "2025-06-03T00:00:00+00:00"
