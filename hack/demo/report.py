"""What the demo found, as a table for people and `.local/demo/report.json` for programs."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hack.demo.kube import DEPLOYED, condition, get, items

PATH = Path(".local/demo/report.json")
Row = tuple[str, ...]


@dataclass
class Report:
    """Facts of one demo."""

    runs: list[dict[str, Any]] = field(default_factory=list)
    loads: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: list[dict[str, Any]] = field(default_factory=list)
    rollbacks: dict[str, float] = field(default_factory=dict)
    phases: dict[str, float] = field(default_factory=dict)
    operator_memory_mib: float | None = None

    def run(self, run: dict[str, Any], seconds: float) -> None:
        """One decided TrainingRun and how long it took from apply to its verdict."""
        verdict, result = condition(run, "Succeeded"), run["status"].get("result", {})
        self.runs.append(
            {
                "name": run["metadata"]["name"],
                "reason": verdict["reason"],
                "message": verdict["message"],
                "version": result.get("version"),
                "metrics": result.get("metrics", []),
                "gates": result.get("gates", []),
                "seconds": round(seconds, 1),
            }
        )

    def load(self, name: str, summary: dict[str, Any]) -> None:
        """One load's summary."""
        self.loads[name] = summary

    def answer(self, answer: dict[str, Any]) -> None:
        """One answer of the gateway."""
        self.answers.append(answer)

    def rollback(
        self, *, posted: float, zero: float, last: float, server: dict[int, float], client: dict[int, float]
    ) -> None:
        """The times of the rollback (seconds since the epoch), and the p99 by version that led to it (in seconds)."""
        self.rollbacks = {
            "posted": posted,
            "weightZeroSeconds": round(zero - posted, 3),
            "lastCanaryAnswerSeconds": round(last - posted, 3),
            "p99Stable": round(server[2], 4),
            "p99Canary": round(server[4], 4),
            "clientP99Stable": round(client[2], 4),
            "clientP99Canary": round(client[4], 4),
        }

    def write(self) -> None:
        """Writes the JSON file."""
        PATH.parent.mkdir(parents=True, exist_ok=True)
        PATH.write_text(json.dumps(self.__dict__, indent=2) + "\n")

    def tables(self) -> str:
        """Versions with their gates, and rollouts with their ends."""
        rows: list[Row] = [
            ("RUN", "VERSION", "STATUS", "NDCG@10 (95 %)", "GATES (margin in standard errors)", "SECONDS")
        ]
        for run in self.runs:
            ndcg: dict[str, str] = next((m for m in run["metrics"] if m["name"] == "NDCG@10"), {})
            gates = ", ".join(
                f"{g['name']} {g['verdict'].lower()}"
                + (f" ({g['marginStandardErrors']})" if g.get("marginStandardErrors") else "")
                for g in run["gates"]
            )
            figure = f"{ndcg.get('value', '-')} [{ndcg.get('low', '')}, {ndcg.get('high', '')}]"
            rows.append((run["name"], str(run["version"] or "-"), run["reason"], figure, gates, str(run["seconds"])))
        text = "Versions\n" + table(rows)
        rows = [("FROM", "TO", "VERDICT", "CAUSE", "BEGAN", "ENDED")]
        for entry in get("deployments.recsys.dev", DEPLOYED)["status"].get("history", []):
            times = (entry[key][11:19] for key in ("startTime", "endTime"))
            rows.append((str(entry.get("from", "-")), str(entry["to"]), entry["verdict"], entry["cause"], *times))
        text += "\nRollouts\n" + table(rows)
        rows = [("POD", "VERSION", "READY", "RESTARTS")]
        for pod in items("pods", "-l", f"recsys.dev/deployment={DEPLOYED}"):
            state = (pod["status"].get("containerStatuses") or [{}])[0]
            version = pod["metadata"]["labels"]["recsys.dev/version"]
            rows.append(
                (pod["metadata"]["name"], version, str(state.get("ready", False)), str(state.get("restartCount", 0)))
            )
        return text + "\nPods\n" + table(rows)


def table(rows: list[Row]) -> str:
    """Columns aligned with spaces."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n"
        for row in rows
    )
