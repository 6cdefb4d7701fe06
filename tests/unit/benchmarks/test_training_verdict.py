"""Whether the recorded results of the training benchmark reach what they are to reach."""

from typing import Any

from benchmarks.training.report import BEAUTY
from benchmarks.training.verdict import verdict


def run(name: str, seed: int, ndcg: float, **other: Any) -> dict[str, Any]:
    """A recorded result; HR@10 is as far from what is wanted of it as NDCG@10 from 0.0611."""
    test = {"NDCG@10": ndcg, "HR@10": ndcg + 0.0397}
    figures = {"validation": {"NDCG@10": 0.076}, "test": test, "minutes": 50.0, "cpuMinutes": 43.0}
    return {"name": name, "seed": seed, "data": BEAUTY, **figures, **other}


def runs(name: str, *ndcg: float) -> list[dict[str, Any]]:
    return [run(name, seed, figure) for seed, figure in enumerate(ndcg, start=1)]


def test_means_that_are_high_enough_reach_it() -> None:
    told = verdict([*runs("BSARecAttributes", 0.0611, 0.0605, 0.0617), *runs("SASRec", 0.049, 0.05, 0.051)])
    assert told.splitlines() == [
        "BSARecAttributes, mean of seeds 1 to 3: test NDCG@10 0.06110, at least 0.0611: reached; "
        "test HR@10 0.10080, at least 0.1008: reached.",
        "The aim, test NDCG@10 0.0660 by BSARecAttributes: NOT reached, 0.00490 are missing.",
        "At most 60 minutes by the clock for each seed of BSARecAttributes: reached.",
        "SASRec, mean of seeds 1 to 3: test NDCG@10 0.05000, at least 0.0500: reached.",
        "No test NDCG@10 is above 0.88 of its validation NDCG@10.",
    ]


def test_means_that_are_too_low_do_not() -> None:
    told = verdict([*runs("BSARecAttributes", 0.0611, 0.0605, 0.0616), *runs("SASRec", 0.049, 0.05, 0.0509)])
    assert (
        "test NDCG@10 0.06107, at least 0.0611: NOT reached; test HR@10 0.10077, at least 0.1008: NOT reached." in told
    )
    assert "SASRec, mean of seeds 1 to 3: test NDCG@10 0.04997, at least 0.0500: NOT reached." in told


def test_the_aim_can_be_reached() -> None:
    told = verdict(runs("BSARecAttributes", 0.066, 0.066, 0.066))
    assert "The aim, test NDCG@10 0.0660 by BSARecAttributes: reached.\n" in told


def test_seeds_that_took_longer_and_ratios_to_explain_are_named() -> None:
    slow = [
        run("BSARecAttributes", seed, 0.062, minutes=minutes) for seed, minutes in ((1, 152.4), (2, 60.0), (3, 60.1))
    ]
    told = verdict([*slow, run("GPT2", 2, 0.0669), run("GPT2", 1, 0.0668)])
    assert (
        "NOT reached by seed 1 (152.4 minutes, 43.0 of the processor), seed 3 (60.1 minutes, 43.0 of the processor)."
        in told
    )
    assert told.endswith("Test NDCG@10 above 0.88 of validation NDCG@10, to be explained: GPT2, seed 2 (0.880).")


def test_of_fewer_seeds_so_much_is_said() -> None:
    told = verdict([run("BSARecAttributes", 3, 0.062), run("BSARecAttributes", 4, 0.01)])
    assert told.startswith(
        "BSARecAttributes, mean of 1 of 3 seeds: test NDCG@10 0.06200, at least 0.0611: reached so far;"
    )
    assert "SASRec: no seed of 3 has a test figure, so nothing is reached." in told


def test_other_data_and_runs_without_test_count_for_nothing() -> None:
    untested = run("SASRec", 2, 0.06)
    del untested["test"]
    told = verdict([run("BSARecAttributes", 1, 0.07, data="0"), untested])
    assert told.count("so nothing is reached.") == 2
