"""The table of results beside the published figures."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

Results = Sequence[Mapping[str, Any]]

BEAUTY = "226cce9c3105299ca0db9615d7d3fb32b3175e90da43100ae352599f0f0107b8"
"""SHA-256 of amazon-beauty's sequences.txt, to which alone the published figures compare."""
PROTOCOL = """\
Protocol: {data}, leave-one-out (the last item of each user tests, the one before it validates, the test history
has the validation item), trained on all but the last two items without a refit, all items ranked by the exported ONNX
graph, items that the user had excluded, tied scores against the model, maximum length 50. Validation chooses the epoch
and everything else.
"""
PUBLISHED = (
    ("PopRec (S3-Rec paper)", 0.0068, 0.0152),
    ("SASRec (S3-Rec paper)", 0.0318, 0.0605),
    ("S3-Rec (its paper)", 0.0327, 0.0647),
    ("BSARec (its paper)", 0.0611, 0.1008),
)
WORTH_EXPLAINING = 0.88
"""A test figure above this share of the validation figure wants an explanation."""


def protocol(digest: str, folder: str = "") -> str:
    """What stands above the figures of a data set."""
    return PROTOCOL.format(data=data_of(digest, folder))


def data_of(digest: str, folder: str) -> str:
    """What the data are called."""
    return "amazon-beauty" if digest == BEAUTY else f"the data of {folder}"


def table(results: Results) -> str:
    """Markdown: a line a run, a mean a configuration, then what is published of the same data."""
    lines = [
        "| configuration | seed | validation NDCG@10 | test NDCG@10 | test HR@10 | test / validation | epoch | minutes "
        "(processor) | targets/s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in dict.fromkeys(result["name"] for result in results):
        runs = sorted((result for result in results if result["name"] == name), key=lambda run: run["seed"])
        lines += [_line(run) for run in runs]
        if len(runs) > 1 and all("test" in run for run in runs):
            figures = [
                f"{mean(run[part][metric] for run in runs):.4f}"
                for part, metric in (("validation", "NDCG@10"), ("test", "NDCG@10"), ("test", "HR@10"))
            ]
            lines.append(f"| **{name}** | mean of {len(runs)} | {' | '.join(figures)} | | | | |")
    if all(result["data"] == BEAUTY for result in results):
        lines += [f"| {name} | | | {ndcg:.4f} | {hr:.4f} | | | | |" for name, ndcg, hr in PUBLISHED]
    return "\n".join(lines)


def ratio(run: Mapping[str, Any]) -> float:
    """A run's test NDCG@10 over its validation NDCG@10."""
    validation: float = run["validation"]["NDCG@10"]
    return float(run["test"]["NDCG@10"]) / validation if validation else 0.0


def _line(run: Mapping[str, Any]) -> str:
    validation, test = run["validation"]["NDCG@10"], run.get("test")
    tested = ["not read", "", ""]
    if test is not None:
        share = ratio(run)
        tested = [
            f"{test['NDCG@10']:.4f} ± {test['NDCG@10±']:.4f}",
            f"{test['HR@10']:.4f} ± {test['HR@10±']:.4f}",
            f"{share:.2f}{' (explain)' if share > WORTH_EXPLAINING else ''}",
        ]
    minutes = f"{run['minutes']} ({run['cpuMinutes']})"
    # An ensemble trains nothing: its minutes are those of export and ranking.
    trained = [str(run.get(name, "")) for name in ("bestEpoch", "targetsPerSecond")]
    figures = [f"{validation:.4f}", *tested, trained[0], minutes, trained[1]]
    return f"| {run['name']} | {run['seed']} | {' | '.join(figures)} |"
