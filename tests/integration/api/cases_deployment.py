"""Deployment: one wrong manifest and its correction for each rule and bound."""

from typing import Any, get_args

from tests.integration.api import cases_analysis, cases_pod_fields, cases_route, cases_scaling, cases_shadow
from tests.integration.api.case import ABSENT, Case, Manifest, Transition
from tests.integration.api.cases_recmodel import DNS_LABEL, NAME, NAMES_GROW
from tests.integration.api.cases_trainingrun import quantities

from recsys_operator.api.notifications import EventName, Template

EVENTS = list(get_args(EventName))
ONE_VERSION = "spec.version must set exactly one of: pin, follow"
ONE_STEP = "a step must set exactly one of: weight, pause, bake, analysis, shadow"
BEGIN = "strategy.canary.steps must begin with a weight or a shadow"
RISE = "the weights of strategy.canary.steps must rise from step to step"
TOGETHER = "traffic.gateway and traffic.hostnames go together: set both, or neither to serve by a Service alone"
SUBDOMAIN = r"should match '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$'"
HOSTNAME = r"should match '^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$'"
LABEL = "should match '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'"
STEPS: list[dict[str, Any]] = [
    {"weight": 10},
    {"pause": {"durationSeconds": 60}},
    {"weight": 50},
    {"pause": {"durationSeconds": 60}},
    {"bake": {"durationSeconds": 60}},
    {"analysis": cases_analysis.STEP},
]
SCHEDULE = "spec.freezeWindows[0].schedule in body should match"
KNOWN = "must be a time zone of the IANA database, such as Europe/Berlin"
ZONE = "should match '^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}$'"

BASE: Manifest = {
    "apiVersion": "recsys.dev/v1alpha1",
    "kind": "Deployment",
    "metadata": {"name": "movies"},
    "spec": {
        "modelRef": {"name": "movies"},
        "version": {"pin": 4},
        "replicas": 2,
        "autoscaling": cases_scaling.BASE,
        "resources": {"requests": {"cpu": "1m", "memory": "1m"}, "limits": {"cpu": "1G", "memory": "1T"}},
        **cases_pod_fields.BASE,
        "traffic": {
            "gateway": {"name": "gateway", "namespace": "gateway-system", "sectionName": "http"},
            "hostnames": ["movies.example.com"],
            "route": cases_route.BASE,
            "testers": cases_route.TESTERS,
        },
        "strategy": {
            "canary": {
                "steps": STEPS,
                "scale": "FollowWeight",
                "progressDeadlineSeconds": 600,
                "analysis": cases_analysis.BACKGROUND,
            },
            "resourceEdits": "Surge",
        },
        "rollback": {"warmSeconds": 600, "freezeSeconds": 600},
        "notifications": [
            {"name": "shop-team", "events": ["RolledBack"], "template": {"title": "{event}", "body": "{message}"}}
        ],
        "freezeWindows": [
            {"name": "night", "schedule": "0 22 * * MON-FRI", "durationSeconds": 28800, "timeZone": "Europe/Berlin"}
        ],
        "paused": False,
    },
}


def weights(*shares: int) -> list[dict[str, int]]:
    """Steps without pauses."""
    return [{"weight": share} for share in shares]


def listed(length: int) -> str:
    """A schedule of so many characters: a list of minutes, again and again."""
    rest = " 22 * * *"
    count, left = divmod(length - len(rest), 3)
    return "10," * (count - 1) + {0: "1,1", 1: "10,1", 2: "10,10"}[left] + rest


def window(number: int = 0) -> dict[str, Any]:
    """A freeze window of this number."""
    return {"name": f"window-{number}", "schedule": "0 22 * * *", "durationSeconds": 3600}


def host(length: int) -> str:
    """A host name of so many characters."""
    return "movies.".ljust(length, "x")


CASES: list[Case] = [
    # The object
    Case("metadata.name", "rule", "d" * 41, "d" * 40, NAMES_GROW, about=""),
    Case("metadata.name", "rule", "movies.example", "movies-example", DNS_LABEL, about=""),
    Case("spec", "required", ABSENT, BASE["spec"], "Required value"),
    Case("spec.modelRef", "required", ABSENT, {"name": "movies"}, "Required value"),
    Case("spec.modelRef.name", "required", ABSENT, "movies", "Required value"),
    Case("spec.modelRef.name", "minLength", "", "m", "should be at least 1 chars long"),
    Case("spec.modelRef.name", "maxLength", "m" * 41, "m" * 40, "may not be more than 40"),
    Case("spec.modelRef.name", "pattern", "movies_1", "movies-1", NAME),
    # Which version
    Case("spec.version", "required", ABSENT, {"follow": "Champion"}, "Required value"),
    Case("spec.version", "rule", {}, {"pin": 1}, ONE_VERSION),
    Case("spec.version", "rule", {"pin": 1, "follow": "Champion"}, {"follow": "Champion"}, ONE_VERSION),
    Case("spec.version.pin", "minimum", 0, 1, "should be greater than or equal to 1"),
    Case("spec.version.pin", "maximum", 1000000001, 1000000000, "should be less than or equal to 1000000000"),
    Case(
        "spec.version",
        "enum",
        {"follow": "Latest"},
        {"follow": "LatestPassing"},
        'supported values: "Champion", "LatestPassing"',
        about="spec.version.follow",
    ),
    # The pods
    Case("spec.replicas", "minimum", 0, 1, "should be greater than or equal to 1"),
    Case("spec.replicas", "maximum", 1001, 1000, "should be less than or equal to 1000"),
    Case("spec.resources", "required", ABSENT, {"limits": {"cpu": 1, "memory": "1Gi"}}, "Required value"),
    Case("spec.resources.limits", "required", ABSENT, {"cpu": 1, "memory": "1Gi"}, "Required value"),
    Case("spec.resources.limits.cpu", "required", ABSENT, "1", "Required value"),
    Case("spec.resources.limits.memory", "required", ABSENT, "1Gi", "Required value"),
    *quantities("spec.resources.requests.cpu"),
    *quantities("spec.resources.requests.memory"),
    *quantities("spec.resources.limits.cpu", "resources.requests.cpu must not exceed"),
    *quantities("spec.resources.limits.memory", "resources.requests.memory must not exceed"),
    *(
        Case(
            "spec.resources",
            "rule",
            {"requests": {amount: asked}, "limits": {"cpu": "1", "memory": "1Gi"}},
            {"requests": {amount: right}, "limits": {"cpu": "1", "memory": "1Gi"}},
            f"resources.requests.{amount} must not exceed resources.limits.{amount}",
        )
        for amount, asked, right in (("cpu", "1001m", "1000m"), ("cpu", 2, 1), ("memory", "1025Mi", "1024Mi"))
    ),
    *cases_scaling.CASES,
    *cases_pod_fields.CASES,
    # The traffic
    Case("spec.traffic", "rule", {"gateway": {"name": "gateway"}}, {}, TOGETHER),
    Case("spec.traffic", "rule", {"hostnames": ["movies.example.com"]}, ABSENT, TOGETHER),
    *(
        Case("spec.traffic", "rule", {name: value}, {}, "traffic.route and traffic.testers need traffic.gateway")
        for name, value in (("route", {}), ("testers", cases_route.TESTERS))
    ),
    Case("spec.traffic.gateway.name", "required", ABSENT, "gateway", "Required value"),
    Case("spec.traffic.gateway.name", "minLength", "", "g", "should be at least 1 chars long"),
    Case("spec.traffic.gateway.name", "maxLength", "g" * 254, "g" * 253, "may not be more than 253"),
    Case("spec.traffic.gateway.name", "pattern", "Gateway", "gateway", SUBDOMAIN),
    Case("spec.traffic.gateway.namespace", "minLength", "", "g", "should be at least 1 chars long"),
    Case("spec.traffic.gateway.namespace", "maxLength", "g" * 64, "g" * 63, "may not be more than 63"),
    Case("spec.traffic.gateway.namespace", "pattern", "gateway.system", "gateway-system", LABEL),
    Case("spec.traffic.gateway.sectionName", "minLength", "", "h", "should be at least 1 chars long"),
    Case("spec.traffic.gateway.sectionName", "maxLength", "h" * 254, "h" * 253, "may not be more than 253"),
    Case("spec.traffic.gateway.sectionName", "pattern", "http/web", "http-web", SUBDOMAIN),
    Case("spec.traffic.hostnames", "minItems", [], ["movies.example.com"], "should have at least 1 items"),
    Case(
        "spec.traffic.hostnames",
        "maxItems",
        [f"m{number}.example.com" for number in range(17)],
        [f"m{number}.example.com" for number in range(16)],
        "must have at most 16 items",
    ),
    Case(
        "spec.traffic.hostnames", "unique", ["a.example.com"] * 2, ["a.example.com", "b.example.com"], "Duplicate value"
    ),
    Case("spec.traffic.hostnames[0]", "maxLength", host(254), host(253), "may not be more than 253"),
    Case("spec.traffic.hostnames[0]", "pattern", "https://movies.example.com", "movies.example.com", HOSTNAME),
    Case("spec.traffic.hostnames[0]", "pattern", "movies.*.com", "*.movies.com", HOSTNAME),
    *cases_route.CASES,
    # The rollout
    Case("spec.strategy", "required", {}, {"canary": {"steps": STEPS}}, "Required value", about="spec.strategy.canary"),
    Case("spec.strategy.canary.steps", "required", ABSENT, STEPS, "Required value"),
    Case(
        "spec.strategy.canary.steps",
        "minItems",
        [],
        STEPS,
        "should have at least 1 items",
    ),
    Case(
        "spec.strategy.canary.steps",
        "maxItems",
        weights(*range(1, 22)),
        weights(*range(1, 21)),
        "must have at most 20 items",
    ),
    Case("spec.strategy.canary.steps[1]", "rule", {}, {"weight": 20}, ONE_STEP),
    Case(
        "spec.strategy.canary.steps[1]",
        "rule",
        {"weight": 20, "pause": {"durationSeconds": 60}},
        {"pause": {"durationSeconds": 60}},
        ONE_STEP,
    ),
    Case("spec.strategy.canary.steps", "rule", STEPS[1:], STEPS[2:], BEGIN, about="spec.strategy.canary"),
    Case("spec.strategy.canary.steps", "rule", weights(50, 10), weights(10, 50), RISE, about="spec.strategy.canary"),
    Case("spec.strategy.canary.steps", "rule", weights(10, 10), weights(10, 11), RISE, about="spec.strategy.canary"),
    Case("spec.strategy.canary.steps[0].weight", "minimum", 0, 1, "should be greater than or equal to 1"),
    Case("spec.strategy.canary.steps[2].weight", "maximum", 100, 99, "should be less than or equal to 99"),
    Case(
        "spec.strategy.canary.steps[1].pause.durationSeconds", "minimum", 0, 1, "should be greater than or equal to 1"
    ),
    Case(
        "spec.strategy.canary.steps[1].pause.durationSeconds",
        "maximum",
        604801,
        604800,
        "should be less than or equal to 604800",
    ),
    Case("spec.strategy.canary.steps[4].bake.durationSeconds", "required", ABSENT, 60, "Required value"),
    Case("spec.strategy.canary.steps[4].bake.durationSeconds", "minimum", 0, 1, "should be greater than or equal to 1"),
    Case(
        "spec.strategy.canary.steps[4].bake.durationSeconds",
        "maximum",
        604801,
        604800,
        "should be less than or equal to 604800",
    ),
    Case("spec.strategy.resourceEdits", "enum", "Rolling", "Canary", 'supported values: "Canary", "Surge"'),
    # When nothing may change
    Case(
        "spec.freezeWindows",
        "maxItems",
        [window(number) for number in range(17)],
        [window(number) for number in range(16)],
        "must have at most 16 items",
    ),
    Case("spec.freezeWindows", "unique", [window(), window()], [window(), window(1)], "Duplicate value"),
    Case("spec.freezeWindows[0].name", "required", ABSENT, "night", "Required value"),
    Case("spec.freezeWindows[0].name", "minLength", "", "n", "should be at least 1 chars long"),
    Case("spec.freezeWindows[0].name", "maxLength", "n" * 41, "n" * 40, "may not be more than 40"),
    Case("spec.freezeWindows[0].name", "pattern", "Night", "night", NAME),
    Case("spec.freezeWindows[0].schedule", "required", ABSENT, "0 22 * * *", "Required value"),
    Case("spec.freezeWindows[0].schedule", "pattern", "0 22 * *", "0 22 * * *", SCHEDULE),
    Case("spec.freezeWindows[0].schedule", "pattern", "60 22 * * *", "59 23 * * *", SCHEDULE),
    Case("spec.freezeWindows[0].schedule", "pattern", "0 24 * * *", "*/5 0-6 * * *", SCHEDULE),
    Case("spec.freezeWindows[0].schedule", "pattern", "0 0 0 1 *", "0 0 31 12 7", SCHEDULE),
    Case("spec.freezeWindows[0].schedule", "pattern", "0 0 * 13 *", "0 0 * 1,12 *", SCHEDULE),
    Case("spec.freezeWindows[0].schedule", "pattern", "0 0 * * MO", "0 0 * * SAT,SUN", SCHEDULE),
    Case("spec.freezeWindows[0].schedule", "pattern", "@daily", "0 0 * * *", SCHEDULE),
    Case("spec.freezeWindows[0].schedule", "maxLength", listed(129), listed(128), "may not be more than 128"),
    Case("spec.freezeWindows[0].durationSeconds", "required", ABSENT, 60, "Required value"),
    Case("spec.freezeWindows[0].durationSeconds", "minimum", 59, 60, "should be greater than or equal to 60"),
    Case(
        "spec.freezeWindows[0].durationSeconds",
        "maximum",
        2678401,
        2678400,
        "should be less than or equal to 2678400",
    ),
    Case(
        "spec.freezeWindows[0].timeZone", "maxLength", "z" * 65, "America/Argentina/Ushuaia", "may not be more than 64"
    ),
    Case("spec.freezeWindows[0].timeZone", "pattern", "Europe/", "Europe/Berlin", ZONE, also=(KNOWN,)),
    Case("spec.freezeWindows[0].timeZone", "rule", "Europe/Berln", "Asia/Kolkata", KNOWN),
    Case("spec.freezeWindows[0].timeZone", "rule", "CET5", "Etc/GMT+5", KNOWN),
    Case("spec.strategy.canary.progressDeadlineSeconds", "minimum", 0, 1, "should be greater than or equal to 1"),
    Case(
        "spec.strategy.canary.progressDeadlineSeconds",
        "maximum",
        604801,
        604800,
        "should be less than or equal to 604800",
    ),
    Case("spec.rollback.warmSeconds", "minimum", -1, 0, "should be greater than or equal to 0"),
    Case("spec.rollback.warmSeconds", "maximum", 604801, 604800, "should be less than or equal to 604800"),
    Case("spec.rollback.freezeSeconds", "minimum", 0, 1, "should be greater than or equal to 1"),
    Case("spec.rollback.freezeSeconds", "maximum", 604801, 604800, "should be less than or equal to 604800"),
    # Who is told
    Case(
        "spec.notifications",
        "unique",
        [{"name": "a"}, {"name": "a"}],
        [{"name": "a"}, {"name": "b"}],
        "Duplicate value",
    ),
    Case(
        "spec.notifications",
        "maxItems",
        [{"name": f"n{number}"} for number in range(11)],
        [{"name": f"n{number}"} for number in range(10)],
        "must have at most 10 items",
    ),
    Case("spec.notifications[0].name", "required", ABSENT, "oncall", "Required value"),
    Case("spec.notifications[0].name", "minLength", "", "n", "should be at least 1 chars long"),
    Case("spec.notifications[0].name", "maxLength", "n" * 41, "n" * 40, "may not be more than 40"),
    Case("spec.notifications[0].name", "pattern", "slack://token", "slack", NAME),
    Case("spec.notifications[0].events", "minItems", [], ["Promoted"], "should have at least 1 items"),
    Case(
        "spec.notifications[0].events",
        "maxItems",
        [*EVENTS, "Promoted"],
        EVENTS,
        f"must have at most {len(EVENTS)} items",
        also=("Duplicate value",),
    ),
    Case("spec.notifications[0].events", "unique", ["Promoted"] * 2, ["Promoted", "RolledBack"], "Duplicate value"),
    Case("spec.notifications[0].events[0]", "enum", "Rolledback", "RolledBack", 'Unsupported value: "Rolledback"'),
    *(
        case
        for name, most in (("title", 200), ("body", 2000))
        for case in (
            Case(f"spec.notifications[0].template.{name}", "minLength", "", "t", "should be at least 1 chars long"),
            Case(
                f"spec.notifications[0].template.{name}",
                "maxLength",
                "t" * (most + 1),
                "t" * most,
                "may not be more than",
            ),
            Case(
                f"spec.notifications[0].template.{name}",
                "rule",
                "{event.reason}",
                "{event}: {message}",
                next(rule.message for rule in Template.CEL if f"template.{name} " in rule.message),
                about="spec.notifications[0].template",
            ),
        )
    ),
    *cases_analysis.CASES,
    *cases_shadow.CASES,
    # What may not change
    Transition(
        "spec.modelRef",
        "rule",
        {"name": "books"},
        {"name": "movies"},
        "spec.modelRef is immutable: make another Deployment",
    ),
]
