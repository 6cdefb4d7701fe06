"""Analysis: one wrong metric and its correction for each rule and bound, in a step and in the background."""

from typing import Any

from tests.integration.api.case import ABSENT, Case
from tests.integration.api.cases_recmodel import NAME
from tests.integration.api.cases_trainingrun import quantities

DECIMAL = r"should match '^-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,12})?(e-?[0-9]{1,2})?$'"
SUBDOMAIN = r"should match '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$'"
URL = r"should match '^https?://[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[^\s]*)?$'"
ADDRESS = r"should match '^https?://[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[^\s?#]*)?$'"
GOOD = "a builtIn or prometheus metric must say what is good: min, max, relativeToStable or test"
TESTABLE = "test is for the builtIn metrics SuccessRate, EmptyAnswers, LatencyP50, LatencyP90, LatencyP99"
BY_ITSELF = "test compares with stable by itself: leave out min, max, relativeToStable and failureLimit"
COMPARED = "ScoreShift is a comparison already: give it a max instead of relativeToStable"
RESOURCES = {"requests": {"cpu": "1m", "memory": "1m"}, "limits": {"cpu": "1G", "memory": "1T"}}


def token() -> dict[str, str]:
    """An entry of a Secret, one of its own for each place: a case changes it in one place."""
    return {"name": "tokens", "key": "prometheus"}


DEFAULTS = {"intervalSeconds": 10, "inconclusiveLimit": 5, "consecutiveErrorLimit": 4}


def metrics(prefix: str) -> list[dict[str, Any]]:
    """One metric of each sort; together they set every field that step and background have in common."""
    sorts: list[dict[str, Any]] = [
        {
            "name": f"{prefix}-errors",
            "builtIn": "SuccessRate",
            "min": "0.9",
            "max": "1",
            "relativeToStable": {"min": "0.9", "max": "1.1"},
            "intervalSeconds": 10,
            "minSamples": 100,
            "failureLimit": 1,
            "inconclusiveLimit": 5,
            "consecutiveErrorLimit": 4,
        },
        {"name": f"{prefix}-test", "builtIn": "LatencyP99", "test": "Sequential", "tolerancePercent": 10},
        {"name": f"{prefix}-shift", "builtIn": "ScoreShift", "against": "Evaluation", "max": "0.2"},
        {
            "name": f"{prefix}-clicks",
            "prometheus": {
                "address": "http://prometheus.monitoring.svc:9090",
                "query": "sum(clicks)",
                "token": token(),
            },
            "min": "0.1",
        },
        {"name": f"{prefix}-gate", "webhook": {"url": "https://gate.example.com/ask?team=1", "token": token()}},
    ]
    return [{**DEFAULTS, **one} for one in sorts]


JOB: dict[str, Any] = {
    **DEFAULTS,
    "name": "step-job",
    "job": {
        "template": {
            "image": "localhost/check:1",
            "command": ["/check"],
            "args": ["--strict"],
            "env": [{"name": "REGION", "value": "eu"}],
            "resources": RESOURCES,
            "activeDeadlineSeconds": 600,
        }
    },
}
STEP = {"metrics": [*metrics("step"), JOB], "durationSeconds": 60, "deadlineSeconds": 600, "onDeadline": "Hold"}
BACKGROUND: dict[str, Any] = {"metrics": metrics("all"), "deadlineSeconds": 600, "onDeadline": "Hold"}
BACKGROUND["metrics"][4]["webhook"]["when"] = "Pre"


def cases(at: str, *sources: str) -> list[Case]:
    """Of an analysis at this place, whose metrics may have these sources."""
    one, test, shift, clicks, gate = (f"{at}.metrics[{index}]" for index in range(5))
    said = [source for source in sources if source not in ("builtIn", "prometheus")]
    yes_or_no = f"{' and '.join(said)} say yes or no: min, max and relativeToStable are for builtIn and prometheus"
    exactly = f"a metric must set exactly one of: {', '.join(sources)}"
    errors: dict[str, Any] = {"name": "m", "builtIn": "SuccessRate"}
    good = {**errors, "min": "0.9"}
    webhook: dict[str, Any] = {"name": "m", "webhook": {"url": "http://gate"}}
    many = [{**good, "name": f"m{number}"} for number in range(11)]
    return [
        Case(f"{at}.metrics", "required", ABSENT, [good], "Required value"),
        Case(f"{at}.metrics", "minItems", [], [good], "should have at least 1 items"),
        Case(f"{at}.metrics", "maxItems", many, many[1:], "must have at most 10 items"),
        Case(f"{at}.metrics", "unique", many[:1] * 2, many[:2], "Duplicate value"),
        Case(f"{at}.deadlineSeconds", "minimum", 0, 1, "should be greater than or equal to 1"),
        Case(f"{at}.deadlineSeconds", "maximum", 604801, 604800, "should be less than or equal to 604800"),
        Case(f"{at}.onDeadline", "enum", "Promote", "Abort", 'supported values: "Hold", "Abort"'),
        # What is measured, and what is good
        Case(one, "rule", {"name": "m", "min": "1"}, good, exactly),
        Case(one, "rule", {**good, **webhook}, webhook, exactly, also=(yes_or_no,)),
        Case(one, "rule", errors, good, GOOD),
        Case(one, "rule", {**webhook, "max": "1"}, webhook, yes_or_no),
        Case(test, "rule", {"name": "m", "builtIn": "UnknownItems", "test": "Sequential"}, good, TESTABLE),
        Case(test, "rule", {**good, "test": "Sequential"}, {**errors, "test": "Sequential"}, BY_ITSELF),
        Case(test, "rule", {**errors, "test": "Sequential", "failureLimit": 1}, good, BY_ITSELF),
        Case(one, "rule", {**good, "tolerancePercent": 5}, good, "tolerancePercent is for test"),
        Case(one, "rule", {**good, "against": "Stable"}, good, "against is for the builtIn metric ScoreShift"),
        Case(
            shift,
            "rule",
            {"name": "m", "builtIn": "ScoreShift", "relativeToStable": {"max": "2"}},
            {"name": "m", "builtIn": "ScoreShift", "max": "2"},
            COMPARED,
        ),
        Case(
            clicks,
            "rule",
            {"name": "m", "prometheus": {"query": "a"}, "max": "1", "minSamples": 5},
            {"name": "m", "prometheus": {"query": "a"}, "max": "1"},
            "minSamples is for builtIn metrics",
        ),
        Case(one, "rule", {**good, "max": "0.8"}, {**good, "max": "0.9"}, "min must not exceed max"),
        Case(
            one, "rule", {**good, "name": "shadow-m"}, good, "names that begin with shadow are those of the step shadow"
        ),
        Case(f"{one}.name", "required", ABSENT, "m", "Required value"),
        Case(f"{one}.name", "minLength", "", "m", "should be at least 1 chars long"),
        Case(f"{one}.name", "maxLength", "m" * 41, "m" * 40, "may not be more than 40"),
        Case(f"{one}.name", "pattern", "m_1", "m-1", NAME),
        Case(f"{one}.builtIn", "enum", "Errors", "LatencyP50", "supported values: "),
        Case(f"{test}.test", "enum", "Welch", "Sequential", 'supported values: "Sequential"'),
        Case(f"{shift}.against", "enum", "Champion", "Stable", 'supported values: "Stable", "Evaluation"'),
        *decimals(f"{clicks}.min"),
        *decimals(f"{shift}.max"),
        *decimals(f"{one}.relativeToStable.min"),
        *decimals(f"{one}.relativeToStable.max"),
        Case(f"{one}.relativeToStable", "rule", {}, {"max": "1"}, "relativeToStable must set min or max"),
        *numbers(f"{test}.tolerancePercent", 0, 1000),
        *numbers(f"{one}.intervalSeconds", 1, 3600),
        *numbers(f"{one}.minSamples", 1, 100000000),
        *numbers(f"{one}.failureLimit", 0, 1000),
        *numbers(f"{one}.inconclusiveLimit", 0, 1000),
        *numbers(f"{one}.consecutiveErrorLimit", 0, 1000),
        # Who is asked
        Case(f"{clicks}.prometheus.address", "pattern", "http://prometheus/?a=b", "http://prometheus/a", ADDRESS),
        Case(f"{clicks}.prometheus.address", "maxLength", url(513), url(512), "may not be more than 512"),
        Case(f"{clicks}.prometheus.query", "required", ABSENT, "up", "Required value"),
        Case(f"{clicks}.prometheus.query", "minLength", "", "1", "should be at least 1 chars long"),
        Case(f"{clicks}.prometheus.query", "maxLength", "1" * 4097, "1" * 4096, "may not be more than 4096"),
        *secrets(f"{clicks}.prometheus.token"),
        Case(f"{gate}.webhook.url", "required", ABSENT, "http://gate", "Required value"),
        Case(f"{gate}.webhook.url", "pattern", "gate:80/ask", "http://gate:80/ask", URL),
        Case(f"{gate}.webhook.url", "maxLength", url(1025), url(1024), "may not be more than 1024"),
        *secrets(f"{gate}.webhook.token"),
    ]


def job_cases(at: str) -> list[Case]:
    """Of a metric with a Job at this place."""
    template = f"{at}.job.template"
    sixty_six = [{"name": f"V{number}"} for number in range(33)]
    return [
        Case(template, "required", ABSENT, JOB["job"]["template"], "Required value"),
        Case(f"{template}.image", "required", ABSENT, "check", "Required value"),
        Case(f"{template}.image", "minLength", "", "check", "should be at least 1 chars long"),
        Case(f"{template}.image", "maxLength", "c" * 1025, "c" * 1024, "may not be more than 1024"),
        *(
            case
            for name in ("command", "args")
            for case in (
                Case(f"{template}.{name}", "maxItems", ["a"] * 33, ["a"] * 32, "must have at most 32 items"),
                Case(f"{template}.{name}[0]", "maxLength", "a" * 4097, "a" * 4096, "may not be more than 4096"),
            )
        ),
        Case(f"{template}.env", "maxItems", sixty_six, sixty_six[1:], "must have at most 32 items"),
        Case(f"{template}.env", "unique", sixty_six[:1] * 2, sixty_six[:2], "Duplicate value"),
        Case(f"{template}.env[0].name", "required", ABSENT, "A", "Required value"),
        Case(f"{template}.env[0].name", "minLength", "", "A", "should be at least 1 chars long"),
        Case(f"{template}.env[0].name", "maxLength", "A" * 254, "A" * 253, "may not be more than 253"),
        Case(f"{template}.env[0].name", "pattern", "1A", "A1", "should match '^[A-Za-z_][A-Za-z0-9_]*$'"),
        Case(f"{template}.env[0].value", "maxLength", "a" * 4097, "a" * 4096, "may not be more than 4096"),
        *numbers(f"{template}.activeDeadlineSeconds", 1, 86400),
        Case(f"{template}.resources", "required", ABSENT, RESOURCES, "Required value"),
        Case(f"{template}.resources.limits", "required", ABSENT, RESOURCES["limits"], "Required value"),
        Case(f"{template}.resources.limits.cpu", "required", ABSENT, "1", "Required value"),
        Case(f"{template}.resources.limits.memory", "required", ABSENT, "1Gi", "Required value"),
        *quantities(f"{template}.resources.requests.cpu"),
        *quantities(f"{template}.resources.requests.memory"),
        *quantities(f"{template}.resources.limits.cpu", "resources.requests.cpu must not exceed"),
        *quantities(f"{template}.resources.limits.memory", "resources.requests.memory must not exceed"),
        *(
            Case(
                f"{template}.resources",
                "rule",
                {"requests": {amount: 2}, "limits": {"cpu": 1, "memory": 1}},
                {"requests": {amount: 1}, "limits": {"cpu": 1, "memory": 1}},
                f"resources.requests.{amount} must not exceed resources.limits.{amount}",
            )
            for amount in ("cpu", "memory")
        ),
    ]


def decimals(at: str) -> list[Case]:
    """Of one decimal."""
    return [
        Case(at, "pattern", ".5", "0.5", DECIMAL),
        Case(at, "maxLength", "0." + "0" * 31, "0.000000000001", "may not be more than 32"),
    ]


def numbers(at: str, least: int, most: int) -> list[Case]:
    """Of one whole number."""
    return [
        Case(at, "minimum", least - 1, least, f"should be greater than or equal to {least}"),
        Case(at, "maximum", most + 1, most, f"should be less than or equal to {most}"),
    ]


def secrets(at: str) -> list[Case]:
    """Of one entry of a Secret."""
    return [
        Case(f"{at}.name", "required", ABSENT, "tokens", "Required value"),
        Case(f"{at}.name", "minLength", "", "t", "should be at least 1 chars long"),
        Case(f"{at}.name", "maxLength", "t" * 254, "t" * 253, "may not be more than 253"),
        Case(f"{at}.name", "pattern", "Tokens", "tokens", SUBDOMAIN),
        Case(f"{at}.key", "required", ABSENT, "token", "Required value"),
        Case(f"{at}.key", "minLength", "", "t", "should be at least 1 chars long"),
        Case(f"{at}.key", "maxLength", "t" * 254, "t" * 253, "may not be more than 253"),
        Case(f"{at}.key", "pattern", "a/b", "a.b", "should match '^[-._a-zA-Z0-9]+$'"),
    ]


def url(length: int) -> str:
    """A URL of so many characters."""
    return "http://gate/".ljust(length, "x")


IN_STEP, ALL_THE_WHILE = "spec.strategy.canary.steps[5].analysis", "spec.strategy.canary.analysis"
CASES: list[Case] = [
    *cases(IN_STEP, "builtIn", "prometheus", "job", "webhook"),
    *job_cases(f"{IN_STEP}.metrics[5]"),
    *numbers(f"{IN_STEP}.durationSeconds", 0, 604800),
    *cases(ALL_THE_WHILE, "builtIn", "prometheus", "webhook"),
    Case(
        f"{ALL_THE_WHILE}.metrics[4].webhook.when",
        "enum",
        "Later",
        "Post",
        'supported values: "Confirm", "Pre", "Post"',
    ),
    Case(
        f"{ALL_THE_WHILE}.metrics[0].name",
        "rule",
        "step-errors",
        "errors",
        "metrics of a step and of strategy.canary.analysis must have different names",
        about="spec.strategy.canary",
    ),
]
