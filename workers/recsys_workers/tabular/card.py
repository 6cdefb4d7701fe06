"""model-card.md of a version that learned from rows."""

import json

from recsys_workers.evaluate.card import begun, made_by, members, results, tuned
from recsys_workers.evaluate.protocol import sentence
from recsys_workers.manifest import Manifest
from recsys_workers.tasks import RANKING


def render(described: Manifest) -> str:
    """The card as Markdown."""
    dataset, protocol = described.dataset, described.protocol
    rules = protocol.get("cleaning")
    cleaned = "Nothing was dropped from it."
    if rules:
        cleaned = (
            f"Cleaning dropped {dataset['rowsDropped']} rows before that: `{json.dumps(rules, ensure_ascii=False)}`. "
            "Figures of another cleaning do not compare with these."
        )
    lines = [
        f"# {described.model}, version {described.version}: {described.verdict}",
        "",
        f"{described.architecture} for {described.task} ({protocol['objective']}), {made_by(described)} the run "
        f"{described.run['name']} ({described.run['uid']}) and finished at {described.create_time}. It predicts the "
        f"column {protocol['label']}.",
        "",
        *members(described),
        "## Data",
        f"{dataset['uri']} ({dataset['digest']}): {dataset['interactions']} rows. {cleaned} What each column holds "
        "stands in `data.json`, what was fitted on the training rows in `preprocessing.json`.",
        "",
        "## Quality",
        f"{sentence(described)}.",
        "",
        *results(described),
        *_crossed(described),
        *tuned(described),
        "## Limits",
        *begun(described),
        "The figures hold for rows like those of the test. Categories that the training did not know count as none"
        + (", and ids that it saw too rarely as one rare id." if described.task == RANKING else "."),
        "",
    ]
    return "\n".join(lines)


def _crossed(described: Manifest) -> list[str]:
    """The table of the cross-validation, where there was one."""
    crossed = described.cross_validation
    if not crossed:
        return []
    rows = (
        f"| {metric['name']} | {metric['mean']} | {metric['standardDeviation']} | {', '.join(metric['values'])} |"
        for metric in crossed["metrics"]
    )
    return [
        "## Cross-validation",
        f"{crossed['folds']} folds of the rows that do not test, each judged by a model of its own: this is none of "
        "them.",
        "",
        "| metric | mean | standard deviation | folds |",
        "| --- | --- | --- | --- |",
        *rows,
        "",
    ]
