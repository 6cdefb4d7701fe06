"""Every query of the Grafana dashboards asks for metrics and labels that exist."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hack.gen import dashboards
from tests.unit.docs.pages import ROOT
from tests.unit.docs.promql import faults, known

FILES = sorted((ROOT / dashboards.FOLDER).glob("*.json"))
VARIABLE = re.compile(r"\$\{?([a-z]\w*)")


def queries(found: Any) -> Iterator[tuple[str, str]]:
    """Every PromQL in a dashboard, wherever it stands, with the legend (or the texts) of its series."""
    if isinstance(found, dict):
        if "expr" in found:
            legend = " ".join(str(found.get(name, "")) for name in ("legendFormat", "titleFormat", "textFormat"))
            yield found["expr"], legend
        if found.get("type") == "query" and "definition" in found:
            inner = re.fullmatch(r"label_values\((.*), (\w+)\)", found["definition"])
            assert inner, found["definition"]
            yield f"count by ({inner[2]}) ({inner[1]})", ""
        for inner_value in found.values():
            yield from queries(inner_value)
    elif isinstance(found, list):
        for one in found:
            yield from queries(one)


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def dashboard(request: pytest.FixtureRequest) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(request.param.read_text())
    return loaded


def test_there_are_two_with_many_queries() -> None:
    assert [path.stem for path in FILES] == ["recsys-deployment", "recsys-rollouts"]
    assert sum(len(list(queries(json.loads(path.read_text())))) for path in FILES) > 50


def test_every_query_names_what_exists(dashboard: dict[str, Any]) -> None:
    assert [fault for expr, legend in queries(dashboard) for fault in faults(expr, legend)] == []


def test_every_variable_is_declared(dashboard: dict[str, Any]) -> None:
    declared = {one["name"] for one in dashboard["templating"]["list"]}
    used = {name for expr, _ in queries(dashboard) for name in VARIABLE.findall(expr)}
    assert used <= declared
    assert declared - {"datasource"} <= used


def test_panels_say_what_they_show_and_lie_beside_each_other(dashboard: dict[str, Any]) -> None:
    panels = dashboard["panels"]
    assert len({one["id"] for one in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < dashboards.WIDTH
        taken |= cells
        assert panel["type"] == "row" or (panel["title"] and panel["description"] and panel["targets"])


def test_every_metric_of_a_rollout_is_shown_somewhere() -> None:
    shown = " ".join(expr for path in FILES for expr, _ in queries(json.loads(path.read_text())))
    names = {name for name, labels in known().items() if name.startswith("recsys_") and "deployment" in labels}
    rollouts = {name for name in names if name.startswith(("recsys_rollout", "recsys_deployment", "recsys_last_"))}
    endings = ("_sum", "_count")
    assert {name for name in rollouts if not name.endswith(endings) and name not in shown} == set()


@pytest.mark.parametrize(
    ("expr", "legend", "fault"),
    [
        ("sum(recsys_no_such_total)", "", "there is no metric recsys_no_such_total"),
        ('recsys_rollout_state{verdict="x"}', "", "has no label verdict"),
        ("sum by (code) (recsys_pending_requests)", "", "has the label code"),
        ("sum by (state) (recsys_rollout_state)", "{{deployment}}", "no label deployment for the legend"),
        ("up", "", "names no metric of ours"),
        ("rate(recsys_rollout_duration_seconds[5m])", "", "there is no metric recsys_rollout_duration_seconds"),
    ],
)
def test_what_does_not_exist_is_found(expr: str, legend: str, fault: str) -> None:
    found = next(faults(expr, legend))
    assert fault in found
