"""Whether the recorded results of amazon-beauty reach what they are to reach."""

from collections.abc import Mapping
from statistics import mean

from benchmarks.training.configuration import SEEDS
from benchmarks.training.report import BEAUTY, WORTH_EXPLAINING, Results, ratio

LEAST = {"BSARecAttributes": {"NDCG@10": 0.0611, "HR@10": 0.1008}, "SASRec": {"NDCG@10": 0.05}}
"""What the mean of a configuration's test figures is to reach; of the best single model, what BSARec's paper has."""
BEST, AIM, MOST_MINUTES = "BSARecAttributes", 0.066, 60.0
"""The best single model, the mean test NDCG@10 that is aimed at with it, and how long a seed may take by the clock."""


def verdict(results: Results) -> str:
    """Sentences about amazon-beauty's test figures: of the seeds that are to be run, and of how many there are."""
    tested = [run for run in results if run["data"] == BEAUTY and "test" in run]
    lines = []
    for name, least in LEAST.items():
        runs = sorted(
            (run for run in tested if run["name"] == name and run["seed"] in SEEDS), key=lambda run: run["seed"]
        )
        if not runs:
            lines.append(f"{name}: no seed of {len(SEEDS)} has a test figure, so nothing is reached.")
            continue
        lines.append(_means(name, runs, least))
        if name == BEST:
            lines += [_aim(runs), _minutes(runs)]
    return "\n".join([*lines, _to_explain(tested)])


def _means(name: str, runs: Results, least: Mapping[str, float]) -> str:
    parts = []
    for metric, wanted in least.items():
        found = _mean(runs, metric)
        parts.append(f"test {metric} {found:.5f}, at least {wanted:.4f}: {_reached(found >= wanted, runs)}")
    seeds = f"seeds {SEEDS[0]} to {SEEDS[-1]}" if _all(runs) else f"{len(runs)} of {len(SEEDS)} seeds"
    return f"{name}, mean of {seeds}: {'; '.join(parts)}."


def _aim(runs: Results) -> str:
    found = _mean(runs, "NDCG@10")
    missing = "" if found >= AIM else f", {AIM - found:.5f} are missing"
    return f"The aim, test NDCG@10 {AIM:.4f} by {BEST}: {_reached(found >= AIM, runs)}{missing}."


def _minutes(runs: Results) -> str:
    longer = [
        f"seed {run['seed']} ({run['minutes']} minutes, {run['cpuMinutes']} of the processor)"
        for run in runs
        if run["minutes"] > MOST_MINUTES
    ]
    by = f" by {', '.join(longer)}" if longer else ""
    return f"At most {MOST_MINUTES:.0f} minutes by the clock for each seed of {BEST}: {_reached(not longer, runs)}{by}."


def _to_explain(tested: Results) -> str:
    above = [f"{run['name']}, seed {run['seed']} ({ratio(run):.3f})" for run in tested if ratio(run) > WORTH_EXPLAINING]
    if not above:
        return f"No test NDCG@10 is above {WORTH_EXPLAINING} of its validation NDCG@10."
    return f"Test NDCG@10 above {WORTH_EXPLAINING} of validation NDCG@10, to be explained: {'; '.join(above)}."


def _mean(runs: Results, metric: str) -> float:
    """Of test, without the noise of adding up."""
    found: float = mean(run["test"][metric] for run in runs)
    return round(found, 6)


def _reached(true: bool, runs: Results) -> str:
    return f"{'reached' if true else 'NOT reached'}{'' if _all(runs) else ' so far'}"


def _all(runs: Results) -> bool:
    return {run["seed"] for run in runs} == set(SEEDS)
