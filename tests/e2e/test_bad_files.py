"""Runs whose files are wrong, on the local cluster: each ends within seconds of its pod, for good, and says where."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pyarrow import csv, parquet
from tests.e2e import churn, node
from tests.e2e.churn import ended, pods, succeeded, trainingrun
from tests.e2e.cluster import Namespace, until

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]

SECONDS = 30
"""From the pod's start to the run's end."""
ROWS = 1000


def damaged(folder: Path, made: Path) -> str:
    """A file of the table without its last bytes."""
    (folder / "a.parquet").write_bytes(made.read_bytes()[:-100])
    return "a.parquet cannot be read as Parquet: "


def ragged(folder: Path, made: Path) -> str:
    """Rows of the table as a CSV, of which two have a cell too many."""
    csv.write_csv(parquet.read_table(made).slice(0, ROWS), folder / "a.csv")
    lines = (folder / "a.csv").read_text().splitlines()
    cells = lines[0].count(",") + 1
    for line in (2, 500):
        lines[line] += ",more"
    (folder / "a.csv").write_text("\n".join(lines) + "\n")
    return f"a.csv cannot be read as CSV: line 3 has {cells + 1} cells and the header {cells}: "


def without_a_column(folder: Path, made: Path) -> str:
    """Rows of the table without one of the schema's columns."""
    table = parquet.read_table(made).slice(0, ROWS).drop_columns(["plan"])
    parquet.write_table(table, folder / "a.parquet")
    return f"a.parquet has no column 'plan', which schema.columns names: it has {', '.join(table.column_names)} ({ROWS}"


BAD = {
    "damaged": (damaged, "Parquet", "Write it anew."),
    "ragged": (ragged, "CSV", f"Such are 2 of its {ROWS} rows"),
    "without-a-column": (without_a_column, "Parquet", "rows)"),
}


@pytest.fixture(scope="module")
def shop() -> Iterator[Namespace]:
    """A restricted namespace with the example's table on a claim, and a RecModel."""
    with Namespace("recsys-bad-files") as made:
        churn.load(made)
        yield made
        made.kubectl("delete", "trun", "--all", "--timeout=120s")


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_file_ends_the_run_at_once(shop: Namespace, name: str) -> None:
    spoil, file_format, more = BAD[name]
    claim = node.folder_of(shop, "churn")
    folder = claim / name
    folder.mkdir()
    said = spoil(folder, next((claim / "table/churn").glob("*.parquet")))
    for entry in (folder, *folder.iterdir()):
        entry.chmod(0o755)
    shop.apply(trainingrun(name, dataset={"uri": f"pvc://churn/{name}", "format": file_format}, maxRetries=5))
    found = ended(shop, name, 180)
    assert succeeded(found) == ("False", "InvalidData", 1), json.dumps(found, indent=2)
    assert found["failure"]["exitCode"] == 2
    assert f"pvc://churn/{name}/{said}" in found["failure"]["message"]
    assert more in found["failure"]["message"]
    assert said in found["conditions"][0]["message"], "users look at the condition"
    (pod,) = pods(shop, name)
    took = seconds(pod, found)
    assert took < SECONDS
    print(f"{name}: ended {took:.0f} s after its pod began: {found['failure']['message']}")
    until("the event", lambda: True if "InvalidData" in reasons(shop, name) else None, 60)


def reasons(namespace: Namespace, run: str) -> set[str]:
    """Of the run's events."""
    chosen = f"--field-selector=involvedObject.kind=TrainingRun,involvedObject.name={run}"
    events = json.loads(namespace.kubectl("get", "events", chosen, "-o", "json"))
    return {event["reason"] for event in events["items"]}


def seconds(pod: dict[str, Any], status: dict[str, Any]) -> float:
    """From the start of the pod to the end of the run."""
    began, over = (datetime.fromisoformat(text) for text in (pod["status"]["startTime"], status["completionTime"]))
    return (over - began).total_seconds()
