"""spec.autoscaling: one wrong manifest and its correction for each rule and bound."""

from typing import Any

from tests.integration.api.case import ABSENT, Case, unshared
from tests.integration.api.cases_pod_fields import labels
from tests.integration.api.cases_trainingrun import quantities

AT = "spec.autoscaling"
TARGET = "a target must set exactly the field that its type names"
METRIC = "a metric must set exactly the field that its type names"
KINDS = (
    "a target is Utilization or AverageValue for Resource, AverageValue for Pods, Value or AverageValue for External"
)
VALUE = {"type": "Value", "value": "30"}
AVERAGE = {"type": "AverageValue", "averageValue": "30"}
UTILIZATION = {"type": "Utilization", "averageUtilization": 60}


def metric(kind: str, target: dict[str, Any]) -> dict[str, Any]:
    """A metric of the user's with this target."""
    if kind == "Resource":
        return {"type": kind, "resource": {"name": "cpu", "target": target}}
    return {
        "type": kind,
        kind.lower(): {"metric": {"name": "requests", "matchLabels": {"app": "shop"}}, "target": target},
    }


BASE: dict[str, Any] = unshared(
    {
        "minReplicas": 2,
        "maxReplicas": 10,
        "canaryMinReplicas": 1,
        "metrics": [metric("Resource", UTILIZATION), metric("Pods", AVERAGE), metric("External", VALUE)],
        "dynamicStableScale": False,
    }
)


ALLOWED = {"Resource": (UTILIZATION, AVERAGE), "Pods": (AVERAGE,), "External": (VALUE, AVERAGE)}
ZERO = "must be more than 0"


def pods(name: str) -> list[Case]:
    """Cases of a number of pods."""
    most = f"autoscaling.{name} must not exceed autoscaling.maxReplicas"
    return [
        Case(f"{AT}.{name}", "minimum", 0, 1, "should be greater than or equal to 1"),
        Case(f"{AT}.{name}", "maximum", 1001, 10, "should be less than or equal to 1000", also=(most,)),
        Case(f"{AT}.{name}", "rule", 11, 10, most, about=AT),
    ]


def target(kind: str, at: str) -> list[Case]:
    """Cases of what an autoscaler aims at."""
    right = ALLOWED[kind][0]

    def case(keyword: str, wrong: dict[str, Any], message: str, about: str, *, rules: bool = True) -> Case:
        also = () if wrong["type"] in {one["type"] for one in ALLOWED[kind]} or not rules else (KINDS,)
        return Case(f"{at}.target", keyword, wrong, right, message, about=about, also=also)

    percent, amounts = f"{at}.target.averageUtilization", ("averageValue", "value")
    return [
        Case(f"{at}.target", "required", ABSENT, right, "Required value"),
        Case(f"{at}.target.type", "required", ABSENT, right["type"], "Required value"),
        Case(
            f"{at}.target",
            "enum",
            {"type": "Total"},
            right,
            'supported values: "Utilization", "AverageValue", "Value"',
            about=f"{at}.target.type",
        ),
        Case(f"{at}.target", "rule", {**right, **UTILIZATION, **VALUE, "type": right["type"]}, right, TARGET),
        case("minimum", {**UTILIZATION, "averageUtilization": 0}, "should be greater than or equal to 1", percent),
        case("maximum", {**UTILIZATION, "averageUtilization": 1001}, "should be less than or equal to 1000", percent),
        *(
            case(
                one.keyword,
                {"type": name[0].upper() + name[1:], name: one.wrong},
                one.message,
                f"{at}.target.{name}",
                rules=one.keyword != "maxLength",
            )
            for name in amounts
            for one in quantities("")
        ),
    ]


def adapter(kind: str, index: int) -> list[Case]:
    """Cases of a metric that an adapter gives."""
    at = f"{AT}.metrics[{index}].{kind.lower()}"
    name = f"{at}.metric.name"
    return [
        Case(f"{at}.metric", "required", ABSENT, {"name": "requests"}, "Required value"),
        Case(name, "required", ABSENT, "requests", "Required value"),
        Case(name, "minLength", "", "requests", "should be at least 1 chars long"),
        Case(name, "maxLength", "r" * 254, "r" * 253, "may not be more than 253"),
        Case(name, "pattern", "the requests", "requests", "should match '^[A-Za-z0-9_:./-]+$'"),
        *labels(f"{at}.metric.matchLabels"),
        *target(kind, at),
    ]


CPU, FIRST = metric("Resource", UTILIZATION), f"{AT}.metrics[0]"
CASES: list[Case] = [
    Case(f"{AT}.maxReplicas", "required", ABSENT, 10, "Required value"),
    Case(
        f"{AT}",
        "minimum",
        {"maxReplicas": 0},
        {"maxReplicas": 1},
        "greater than or equal to 1",
        about=f"{AT}.maxReplicas",
        also=("autoscaling.minReplicas must not exceed", "autoscaling.canaryMinReplicas must not exceed"),
    ),
    Case(f"{AT}.maxReplicas", "maximum", 1001, 1000, "should be less than or equal to 1000"),
    *pods("minReplicas"),
    *pods("canaryMinReplicas"),
    *(
        Case(
            AT,
            keyword,
            {"maxReplicas": 2, "targetCPUUtilizationPercentage": wrong},
            {"maxReplicas": 2, "targetCPUUtilizationPercentage": right},
            message,
            about=f"{AT}.targetCPUUtilizationPercentage",
        )
        for keyword, wrong, right, message in (
            ("minimum", 0, 1, "should be greater than or equal to 1"),
            ("maximum", 1001, 1000, "should be less than or equal to 1000"),
        )
    ),
    Case(
        AT,
        "rule",
        {"maxReplicas": 2, "targetCPUUtilizationPercentage": 60, "metrics": [CPU]},
        {"maxReplicas": 2, "metrics": [CPU]},
        "autoscaling may set one of: targetCPUUtilizationPercentage, metrics",
    ),
    Case(f"{AT}.metrics", "minItems", [], [CPU], "should have at least 1 items"),
    Case(f"{AT}.metrics", "maxItems", [CPU] * 9, [CPU] * 8, "must have at most 8 items"),
    Case(f"{FIRST}.type", "required", ABSENT, "Resource", "Required value"),
    Case(
        f"{FIRST}.type",
        "enum",
        "Object",
        "Resource",
        'supported values: "Resource", "Pods", "External"',
    ),
    Case(FIRST, "rule", {**CPU, "type": "Pods"}, CPU, METRIC),
    *(
        Case(FIRST, "rule", metric(kind, target), metric(kind, right), KINDS)
        for kind, target, right in (
            ("Resource", VALUE, AVERAGE),
            ("Pods", UTILIZATION, AVERAGE),
            ("Pods", VALUE, AVERAGE),
            ("External", UTILIZATION, VALUE),
        )
    ),
    Case(f"{FIRST}.resource.name", "required", ABSENT, "cpu", "Required value"),
    Case(f"{FIRST}.resource.name", "enum", "disk", "memory", 'supported values: "cpu", "memory"'),
    *target("Resource", f"{FIRST}.resource"),
    *adapter("Pods", 1),
    *adapter("External", 2),
    Case("spec.strategy.canary.scale", "enum", "None", "FollowWeight", 'supported values: "Full", "FollowWeight"'),
]
