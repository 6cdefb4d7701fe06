"""The Grafana dashboards of the chart, from what each panel shows."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hack.gen.dashboard_panels import DEPLOYMENT, OVERVIEW, Panel, Query, Row

FOLDER = Path("charts/recsys-operator/files/dashboards")
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24
"""Grafana's grid has so many columns."""

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """A variable of a dashboard: the values that a label of a series has."""

    name: str
    series: str
    many: bool = False


def generated() -> dict[Path, str]:
    """Each dashboard's file with its text."""
    overview = _dashboard(
        "recsys-rollouts", "Recsys: rollouts", OVERVIEW, (Choice("namespace", "recsys_rollout_state", many=True),), ()
    )
    of_deployment = 'recsys_rollout_state{namespace="$namespace"}'
    deployment = _dashboard(
        "recsys-deployment",
        "Recsys: one Deployment",
        DEPLOYMENT,
        (Choice("namespace", "recsys_rollout_state"), Choice("deployment", of_deployment)),
        (_rollbacks(),),
    )
    return {
        FOLDER / f"{one['uid']}.json": json.dumps(one, indent=1, ensure_ascii=False) + "\n"
        for one in (overview, deployment)
    }


def _dashboard(
    uid: str, title: str, rows: Sequence[Row], choices: Sequence[Choice], annotations: Sequence[Object]
) -> Object:
    return {
        "uid": uid,
        "title": title,
        "tags": ["recsys"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "graphTooltip": 1,
        "annotations": {"list": list(annotations)},
        "links": [
            {"type": "dashboards", "title": "Recsys", "tags": ["recsys"], "asDropdown": False, "includeVars": True,
             "keepTime": True}
        ],
        "templating": {"list": [_datasource(), *map(_variable, choices)]},
        "panels": list(_laid_out(rows)),
    }  # fmt: skip


def _datasource() -> Object:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0}


def _variable(choice: Choice) -> Object:
    query = f"label_values({choice.series}, {choice.name})"
    variable: Object = {
        "name": choice.name,
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": choice.name},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "multi": choice.many,
        "includeAll": choice.many,
    }
    return {**variable, "allValue": ".*"} if choice.many else variable


def _rollbacks() -> Object:
    return {
        "name": "Rollbacks",
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": 'recsys_last_rollback_timestamp_seconds{namespace="$namespace", deployment="$deployment"} * 1000',
        "useValueForTime": True,
        "titleFormat": "Version {{version}} taken back",
        "textFormat": "{{cause}}",
    }


def _laid_out(rows: Sequence[Row]) -> Iterator[Object]:
    """Rows below each other; in a row, panels beside each other until it is full."""
    number = top = 0
    for row in rows:
        number += 1
        head = {"h": 1, "w": WIDTH, "x": 0, "y": top}
        yield {"id": number, "type": "row", "title": row.title, "collapsed": False, "gridPos": head, "panels": []}
        top, left, height = top + 1, 0, 0
        for panel in row.panels:
            number += 1
            if left + panel.width > WIDTH:
                top, left, height = top + height, 0, 0
            place = {"h": panel.height, "w": panel.width, "x": left, "y": top}
            yield {"id": number, "gridPos": place, **_panel(panel)}
            left, height = left + panel.width, max(height, panel.height)
        top += height


def _panel(panel: Panel) -> Object:
    found: Object = {
        "type": panel.type,
        "title": panel.title,
        "description": panel.about,
        "datasource": DATASOURCE,
        "targets": [_target(panel, query, chr(ord("A") + index)) for index, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
    }
    if panel.type == "stat":
        mode = "value_and_name" if panel.names else "value"
        found["options"] = {"reduceOptions": {"calcs": ["lastNotNull"]}, "textMode": mode, "colorMode": "value"}
    elif panel.type == "table":
        hidden = dict.fromkeys(("Time", "__name__", "pod", "instance", "job", "container", "endpoint"), True)
        found["transformations"] = [{"id": "organize", "options": {"excludeByName": hidden}}]
    else:
        found["options"] = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
    return found


def _defaults(panel: Panel) -> Object:
    defaults: Object = {"unit": panel.unit, "min": 0}
    if panel.type == "timeseries":
        stacking = {"mode": "normal" if panel.stacked else "none"}
        defaults["custom"] = {"fillOpacity": 40 if panel.stacked else 5, "stacking": stacking, "spanNulls": False}
    if panel.bad_from is not None:
        steps = [{"color": "green", "value": None}, {"color": "red", "value": panel.bad_from}]
        defaults["thresholds"] = {"mode": "absolute", "steps": steps}
    return defaults


def _target(panel: Panel, query: Query, letter: str) -> Object:
    target: Object = {"refId": letter, "datasource": DATASOURCE, "expr": query.expr, "legendFormat": query.legend}
    if panel.type == "table":
        return {**target, "format": "table", "instant": True, "range": False}
    return {**target, "instant": panel.type == "stat", "range": panel.type != "stat"}
