"""model-card.md: what a person wants to know before serving a version, from its manifest."""

import json
from collections.abc import Mapping
from typing import Any

from recsys_workers.data.protocol import BY_COLUMN
from recsys_workers.evaluate import protocol
from recsys_workers.evaluate.metrics import text
from recsys_workers.manifest import Manifest


def render(described: Manifest) -> str:
    """The card as Markdown."""
    dataset = described.dataset
    users = int(dataset["users"])
    tied = int(dataset["tiedUsers"])
    lines = [
        f"# {described.model}, version {described.version}: {described.verdict}",
        "",
        f"{described.architecture} for {described.task}, {made_by(described)} the run {described.run['name']} "
        f"({described.run['uid']}) and finished at {described.create_time}. "
        f"It looks at the latest {described.max_length} items of a history.",
        "",
        *members(described),
        "## Data",
        f"{dataset['uri']} ({dataset['digest']}): {dataset['interactions']} interactions of {users} users with "
        f"{dataset['items']} items. The last timestamp of {tied} users ({text(100 * tied / users)} %) is tied; "
        f"{_ties(described)} decides there what comes last.",
        *_cleaning(described),
        *_items(described),
        "",
        "## Quality",
        f"{protocol.sentence(described)}.",
        "",
        *results(described),
        *tuned(described),
        "## Limits",
        *begun(described),
        "Offline ranking of the next item says nothing about effects on people who see the recommendations. Users "
        "without a known item in their history get popular items.",
        "",
    ]
    return "\n".join(lines)


def results(described: Manifest) -> list[str]:
    """The table of the metrics and the list of the gates, for the card of any task."""
    return [
        "| metric | value | low | high |",
        "| --- | --- | --- | --- |",
        *(
            f"| {metric['name']} | {metric['value']} | {metric['low']} | {metric['high']} |"
            for metric in described.metrics
        ),
        "",
        "## Gates",
        *(f"- {gate['name']}: {gate['verdict']}. {gate['message']}" for gate in described.gates),
        "",
    ]


def tuned(described: Manifest) -> list[str]:
    """The search that found the version's hyperparameters; nothing where there was none."""
    found = described.tuning
    if not found:
        return []
    return [
        "## Search",
        f"It is trial {found['bestTrial']} of {found['trials']}, the best by {found['metric']} on what validates "
        f"({found['best']}); {found['endedEarly']} were ended early, and {found['failed']} failed. The test was read "
        "for this one alone. `tuning.json` has every trial.",
        "",
        "| hyperparameter | searched | found |",
        "| --- | --- | --- |",
        *(
            f"| {one['name']} | {_searched(one)} | {found['hyperparameters'].get(one['name'], 'without effect')} |"
            for one in found["parameters"]
        ),
        "",
    ]


def _searched(parameter: Mapping[str, Any]) -> str:
    if "values" in parameter:
        return ", ".join(parameter["values"])
    return f"{parameter['min']} to {parameter['max']} ({parameter['scale']})"


def made_by(described: Manifest) -> str:
    """Trained by or fused by."""
    return "fused by" if described.ensemble and "versions" in described.ensemble else "trained by"


def members(described: Manifest) -> list[str]:
    """What an ensemble is made of; nothing of a single model."""
    fused = described.ensemble
    if fused is None:
        return []
    how = {
        "Scores": "One graph runs all members, and gives the mean of what they give (of logits, before any softmax).",
        "Weights": "It is one network, whose weights are the mean of the members'.",
    }[fused["method"]]
    listed = [
        f"- version {one['version']} ({one['digest']}): {one['architecture']}, seed {one['seed']}, by the run "
        f"{one['run']['name']}" + (f"; it began with version {one['initFrom']['version']}" if one["initFrom"] else "")
        for one in fused.get("versions", ())
    ] or [f"- seed {seed}" for seed in fused["seeds"]]
    return ["## Members", how, "", *listed, ""]


def begun(described: Manifest) -> list[str]:
    """What the version began with, and what that means for its figures; nothing where it began anew."""
    continued = [one for one in (described.ensemble or {}).get("versions", ()) if one["initFrom"]]
    if continued:
        numbers = ", ".join(str(one["version"]) for one in continued)
        return [
            f"Of its members {numbers} began with other versions. Rows of this test that these learned from make the "
            "figures better than they are.",
            "",
        ]
    if described.init_from is None:
        return []
    number = described.init_from["version"]
    return [
        f"It began with the weights of version {number} ({described.init_from['digest']}). Rows of this test that "
        f"version {number} or one before it learned from make the figures better than they are.",
        "",
    ]


def _items(described: Manifest) -> list[str]:
    table = described.dataset.get("itemTable")
    if not table:
        return []
    told = ", ".join(
        f"{attribute['name']} ({attribute['values']} values, {attribute['without']} items without any)"
        for attribute in table["attributes"]
    )
    return [
        f"What items are was told by {table['uri']} ({table['digest']}), which has no row for "
        f"{table['itemsWithoutRow']} of them: {told}."
    ]


def _ties(described: Manifest) -> str:
    """What orders the rows of one timestamp."""
    return "the part, then row order" if described.protocol["name"] == BY_COLUMN else "row order"


def _cleaning(described: Manifest) -> list[str]:
    rules = described.protocol.get("cleaning")
    if not rules:
        return ["Nothing was dropped from it."]
    told = json.dumps(rules, ensure_ascii=False)
    return [
        f"Cleaning dropped {described.dataset['rowsDropped']} rows before that: `{told}`. Figures of another cleaning "
        "do not compare with these; what each rule dropped stands in `data.json`."
    ]
