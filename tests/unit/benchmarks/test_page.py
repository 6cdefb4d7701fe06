"""The page of the benchmarks says under which protocol each figure was made, and what is not recorded."""

from typing import Any

import pytest
from benchmarks import readme
from benchmarks.recbole import report as recbole
from benchmarks.recbole.configuration import SETTINGS
from benchmarks.recorded import Benchmark
from benchmarks.tabular import report as tabular
from benchmarks.training.configuration import configurations
from benchmarks.training.report import BEAUTY


def results(*missing: tuple[str, int]) -> list[dict[str, Any]]:
    """Names and seeds of everything that the training benchmark is configured to make, but these."""
    found: list[dict[str, Any]] = []
    for name, entry in configurations().items():
        seeds: list[Any] = ["1 + 2 + 3"] if "ensemble" in entry else [1, 2, 3]
        found += [{"name": name, "seed": seed} for seed in seeds if (name, seed) not in missing]
    return found


def test_configurations_and_seeds_without_a_result_are_named() -> None:
    assert readme.seeds_missing(results()) == ""
    told = readme.seeds_missing(results(("GPT2", 3), ("GPT2", 1), *(("Llama", seed) for seed in (1, 2, 3))))
    assert told == "Not recorded: GPT2 with seed 1 and 3, Llama."
    without = [one for one in results() if one["seed"] != "1 + 2 + 3"]
    assert readme.seeds_missing(without) == "Not recorded: BSARecAttributesEnsemble."


def test_benchmarks_without_a_result_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    some = Benchmark("make bench-some", dict, list)
    monkeypatch.setattr(readme, "BENCHMARKS", {"some": some})
    assert readme.results().startswith("Not recorded: some (`make bench-some`).\n\n### ")
    monkeypatch.setattr(readme, "BENCHMARKS", {})
    assert readme.results().startswith("### ")


def test_the_protocol_of_recbole_tells_in_what_the_sides_differ_and_how_many_seeds_were_run() -> None:
    told = " ".join(recbole.protocol(BEAUTY, [1], 1).split())
    assert told.startswith("Protocol: amazon-beauty, leave-one-out")
    ours, rival = SETTINGS["ours"], {**recbole.DEFAULTS, **SETTINGS["recbole"]}
    assert f"RecBole {rival['train_batch_size']} prefixes" in told
    assert f"ours {ours['batchSize']} windows" in told
    assert f"learning rate ({rival['learning_rate']} against {ours['learningRate']}," in told
    assert told.endswith("One seed was run: 1.")
    assert "the data of shop, " in recbole.protocol("0", [1, 2], 1, "shop")
    assert " ".join(recbole.protocol(BEAUTY, [1, 2], 1).split()).endswith("2 seeds were run: 1, 2.")


def test_what_both_sides_have_in_common_is_so_in_the_settings() -> None:
    ours, rival = recbole.hyperparameters(), SETTINGS["recbole"]
    pairs = {"n_layers": "layers", "hidden_size": "hiddenSize", "MAX_ITEM_LIST_LENGTH": "maxLength"}
    assert {name: str(rival[name]) for name in pairs} == {name: ours[mine] for name, mine in pairs.items()}
    assert str(recbole.DEFAULTS["n_heads"]) == ours["heads"]


def test_the_protocol_of_rows_tells_data_seeds_and_the_given_target() -> None:
    told = " ".join(tabular.protocol([{"seed": 1}, {"seed": 3}]).split())
    assert told.startswith("Protocol: 600,000 generated rows of 100 numbers")
    assert "batches of 256 and a learning rate of 0.003" in told
    assert "Seeds of the training: 1, 3. Given target: 81.95%, 36 ms a step (not measured here)." in told
