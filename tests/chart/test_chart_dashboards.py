"""The Grafana dashboards: ConfigMaps for the sidecar, and PromQL that promtool reads."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.chart.tools import CHART, HERE, manifests, only, run, tool
from tests.unit.docs.promql import faults
from tests.unit.docs.test_dashboards import queries

MONITORING = ("--values", HERE / "values" / "monitoring.yaml")
FILES = {path.name: path for path in (CHART / "files" / "dashboards").glob("*.json")}
VARIABLES = {"$__rate_interval": "5m", "$namespace": "shop", "$deployment": "movies"}


def config_maps(*options: str | Path) -> list[dict[str, Any]]:
    """The ConfigMaps that hold dashboards."""
    found = manifests(*options)
    return [one for one in found if one["kind"] == "ConfigMap" and one["metadata"]["name"].endswith("-dashboard")]


def test_each_dashboard_is_a_config_map_with_the_label_of_the_sidecar() -> None:
    found = config_maps(*MONITORING)
    assert {name: json.loads(text) for one in found for name, text in one["data"].items()} == {
        name: json.loads(path.read_text()) for name, path in FILES.items()
    }
    assert {one["metadata"]["labels"]["grafana_dashboard"] for one in found} == {"1"}
    assert {one["metadata"]["annotations"]["grafana_folder"] for one in found} == {"Recsys"}


def test_there_are_none_unless_they_are_asked_for() -> None:
    assert config_maps() == []


def written(expr: str) -> str:
    """A query as Grafana sends it."""
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    return expr


def judged(tmp_path: Path, *exprs: str) -> tuple[int, str]:
    """What promtool says about these expressions, each as a rule."""
    rules = [{"record": f"recsys:query:{index}", "expr": written(expr)} for index, expr in enumerate(exprs)]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    done = run(tool("promtool", "prometheus"), "check", "rules", path)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("name", FILES)
def test_promtool_reads_every_query(name: str, tmp_path: Path) -> None:
    exprs = {expr for expr, _ in queries(json.loads(FILES[name].read_text()))}
    assert len(exprs) > 10
    code, output = judged(tmp_path, *sorted(exprs))
    assert code == 0, output


def test_a_query_that_is_wrong_is_found(tmp_path: Path) -> None:
    code, output = judged(tmp_path, "sum by (state (recsys_rollout_state)")
    assert code != 0
    assert "parse error" in output


def test_the_alert_rules_ask_for_what_exists() -> None:
    groups = only("PrometheusRule", manifests(*MONITORING))["spec"]["groups"]
    exprs = [rule["expr"] for group in groups for rule in group["rules"]]
    recorded = {rule["record"] for group in groups for rule in group["rules"] if "record" in rule}
    ours = [expr for expr in exprs if not any(name in expr for name in recorded) and "recsys_" in expr]
    assert len(ours) >= 9
    assert [fault for expr in ours for fault in faults(expr)] == []
