"""The alert rules: syntax, behaviour on series of numbers, and a runbook for each."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.chart.tools import CHART, HERE, ROOT, VALUES, manifests, only, run, tool

RUNBOOKS = ROOT / "docs" / "runbooks"
TESTS = sorted(HERE.glob("rules*.test.yaml"))
MONITORING = HERE / "values" / "monitoring.yaml"


def rule_file(directory: Path, *options: str | Path) -> Path:
    """The rules file for a plain Prometheus: the `spec` of the PrometheusRule."""
    path = directory / "rules.yaml"
    path.write_text(yaml.safe_dump(only("PrometheusRule", manifests(*options))["spec"]))
    return path


def alerts() -> list[dict[str, Any]]:
    groups = only("PrometheusRule", manifests("--values", MONITORING))["spec"]["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_promtool_accepts_the_rules(values: Path, tmp_path: Path) -> None:
    path = rule_file(tmp_path, "--values", values, "--set", "prometheusRule.enabled=true")
    done = run(tool("promtool", "prometheus"), "check", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_rules_fire_when_they_should(path: Path, tmp_path: Path) -> None:
    rule_file(tmp_path, "--values", MONITORING)
    shutil.copy(path, tmp_path)
    done = run(tool("promtool", "prometheus"), "test", "rules", tmp_path / path.name)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_what_the_receiver_and_people_need() -> None:
    for rule in alerts():
        assert rule["alert"].startswith("Recsys")
        assert rule["labels"].keys() - {"recsys_rollout"} == {"severity"}
        assert rule["labels"].get("recsys_rollout", "ignore") == "ignore"
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
        assert rule["annotations"]["runbook_url"].endswith(f"/docs/runbooks/{rule['alert']}.md")


def test_every_alert_is_tried_firing_and_not_firing() -> None:
    tests = [test for path in TESTS for test in yaml.safe_load(path.read_text())["tests"]]
    tried = [one for test in tests for one in test.get("alert_rule_test", ())]
    samples = [
        sample["labels"]
        for test in tests
        for one in test.get("promql_expr_test", ())
        for sample in one["exp_samples"]
        if 'alertstate="firing"' in sample["labels"]
    ]
    named = {rule["alert"] for rule in alerts()}
    silent = {one["alertname"] for one in tried if not one.get("exp_alerts")}
    firing = {one["alertname"] for one in tried if one.get("exp_alerts")}
    firing |= {name for name in named if any(f'alertname="{name}"' in labels for labels in samples)}
    assert named - firing == set(), "no test of the rules shows that these fire"
    assert named - silent == set(), "no alert_rule_test of the rules shows that these do not fire"


def test_what_is_told_about_rollouts_does_not_act_on_them() -> None:
    """An alert about a held canary that reached the operator would hold it on."""
    told = {rule["alert"] for rule in alerts() if rule["labels"].get("recsys_rollout") == "ignore"}
    assert told == {"RecsysRolloutStuck", "RecsysAnalysisInconclusive", "RecsysRolledBack", "RecsysDeploymentDegraded"}


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"} == {rule["alert"] for rule in alerts()}


def test_every_alert_can_be_switched_off(tmp_path: Path) -> None:
    switches = yaml.safe_load((CHART / "values.yaml").read_text())["prometheusRule"]
    off = ",".join(
        f"prometheusRule.{name}.enabled=false"
        for name, value in switches.items()
        if isinstance(value, dict) and "enabled" in value
    )
    path = rule_file(tmp_path, "--values", MONITORING, "--set", off)
    assert "alert:" not in path.read_text()
    assert run(tool("promtool", "prometheus"), "check", "rules", path).returncode == 0
