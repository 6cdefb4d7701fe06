"""The step shadow: one wrong manifest and its correction for each rule and bound."""

from typing import Any

from tests.integration.api.case import Case, Manifest

STEPS_AT = "spec.strategy.canary.steps"
SHADOW = f"{STEPS_AT}[].shadow"
DECIMAL = "should match '^-?"
ORDER = "a shadow must come before the first weight of strategy.canary.steps"
BOUND = "a gate must set min, max or both"
BOUNDS = "min must not exceed max"


def steps(**shadow: Any) -> list[Manifest]:
    """Steps that begin with a shadow."""
    return [{"shadow": {"durationSeconds": 60, **shadow}}, {"weight": 10}]


def gates(*gates: Manifest) -> list[Manifest]:
    """Steps that begin with a shadow with these gates."""
    return steps(gates=list(gates))


def bounds(field: str, low: int, high: int) -> list[Case]:
    """The bounds of a whole number of the step."""
    at = f"{SHADOW}.{field}"
    return [
        Case(
            STEPS_AT, "minimum", steps(**{field: low - 1}), steps(**{field: low}), f"than or equal to {low}", about=at
        ),
        Case(
            STEPS_AT,
            "maximum",
            steps(**{field: high + 1}),
            steps(**{field: high}),
            f"than or equal to {high}",
            about=at,
        ),
    ]


def decimals(field: str) -> list[Case]:
    """What a bound of a gate may be."""
    at = f"{SHADOW}.gates[].{field}"

    def gate(value: str) -> list[Manifest]:
        return gates({"metric": "Overlap", field: value})

    return [
        Case(STEPS_AT, "pattern", gate("half"), gate("0.5"), DECIMAL, about=at),
        Case(
            *(STEPS_AT, "maxLength", gate("0." + "1" * 31), gate("0." + "1" * 12), "may not be more than 32"),
            about=at,
        ),
    ]


EVERY = [
    *("Overlap", "RankBiasedOverlap", "KendallTau", "Coverage", "RelativeCoverage", "PopularityShift", "FailureRate")
]

CASES: list[Case] = [
    Case(STEPS_AT, "required", [{"shadow": {}}], steps(), "Required value", about=f"{SHADOW}.durationSeconds"),
    *bounds("percent", 1, 100),
    *bounds("durationSeconds", 1, 604800),
    *bounds("minSamples", 1, 100000000),
    Case(
        STEPS_AT,
        "rule",
        [{"weight": 10}, {"shadow": {"durationSeconds": 60}}],
        [{"shadow": {"durationSeconds": 60}}, {"pause": {"durationSeconds": 60}}, {"weight": 10}],
        ORDER,
        about="spec.strategy.canary",
    ),
    Case(
        STEPS_AT,
        "required",
        gates({"min": "0"}),
        gates({"metric": "Overlap", "min": "0"}),
        "Required value",
        about=f"{SHADOW}.gates[].metric",
    ),
    Case(
        STEPS_AT,
        "enum",
        gates({"metric": "Jaccard", "min": "0"}),
        gates({"metric": "Overlap", "min": "0"}),
        "supported values",
        about=f"{SHADOW}.gates[].metric",
    ),
    Case(
        STEPS_AT,
        "maxItems",
        gates(*({"metric": metric, "min": "0"} for metric in [*EVERY, EVERY[0]])),
        gates(*({"metric": metric, "min": "0"} for metric in EVERY)),
        "must have at most 7 items",
        about=f"{SHADOW}.gates",
        also=("Duplicate value",),
    ),
    Case(
        STEPS_AT,
        "unique",
        gates(*[{"metric": "Overlap", "min": "0"}] * 2),
        gates({"metric": "Overlap", "min": "0"}, {"metric": "Coverage", "min": "0"}),
        "Duplicate value",
        about=f"{SHADOW}.gates",
    ),
    *decimals("min"),
    *decimals("max"),
    Case(
        STEPS_AT,
        "rule",
        gates({"metric": "Overlap"}),
        gates({"metric": "Overlap", "max": "1"}),
        BOUND,
        about=f"{SHADOW}.gates[]",
    ),
    Case(
        STEPS_AT,
        "rule",
        gates({"metric": "Overlap", "min": "0.6", "max": "0.5"}),
        gates({"metric": "Overlap", "min": "0.5", "max": "0.5"}),
        BOUNDS,
        about=f"{SHADOW}.gates[]",
    ),
]
