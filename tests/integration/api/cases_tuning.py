"""spec.tuning of a TrainingRun: one wrong manifest and its correction for each rule and bound."""

from typing import Any

from tests.integration.api.case import ABSENT, Case, Manifest

from recsys_operator.api.schema import METRIC

TUNING: Manifest = {
    "objective": "NDCG@20",
    "parameters": [
        {"name": "learningRate", "min": "0.0001", "max": "0.1", "scale": "Log"},
        {"name": "hiddenSize", "values": ["32", "64"]},
    ],
    "maxTrials": 16,
    "parallelTrials": 2,
    "asha": {"gracePeriod": 2, "reductionFactor": 3},
    "seed": 5,
}
RANGE, CHOICE = "spec.tuning.parameters[0]", "spec.tuning.parameters[1]"
NAME = "should match '^[a-z][A-Za-z0-9]*$'"
DECIMAL = r"should match '^-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,12})?(e-?[0-9]{1,2})?$'"
EITHER = "each of tuning.parameters needs either values, or min and max (and with these scale)"
LOG = "min of tuning.parameters must be more than 0 with scale Log: there is no logarithm of 0"
LESS = "min of tuning.parameters must be less than max"
PARALLEL = "tuning.parallelTrials must not exceed tuning.maxTrials: so many trials there would never be at once"
FIXED = "tuning.parameters must not name what spec.hyperparameters fixes: leave it out of one of them"


def parameters(count: int) -> list[dict[str, Any]]:
    """So many parameters."""
    return [{"name": f"p{number}", "values": ["1"]} for number in range(count)]


def whole(at: str, least: int, most: int, *also: str) -> list[Case]:
    """Cases of a whole number with bounds."""
    return [
        Case(at, "minimum", least - 1, least, f"should be greater than or equal to {least}"),
        Case(at, "maximum", most + 1, most, f"should be less than or equal to {most}", also=also),
    ]


CASES: list[Case] = [
    Case("spec.tuning.objective", "pattern", "ndcg@10", "NDCG@10", f"should match '{METRIC}'"),
    Case("spec.tuning.objective", "maxLength", "A" * 17, "AUC", "may not be more than 16"),
    Case("spec.tuning.parameters", "required", ABSENT, TUNING["parameters"], "Required value"),
    Case("spec.tuning.parameters", "minItems", [], TUNING["parameters"], "should have at least 1 items"),
    Case("spec.tuning.parameters", "maxItems", parameters(17), parameters(16), "must have at most 16 items"),
    Case("spec.tuning.parameters", "unique", parameters(1) * 2, parameters(2), "Duplicate value"),
    Case(f"{RANGE}.name", "required", ABSENT, "learningRate", "Required value"),
    Case(f"{RANGE}.name", "minLength", "", "l", "should be at least 1 chars long"),
    Case(f"{RANGE}.name", "maxLength", "l" * 41, "l" * 40, "may not be more than 40"),
    Case(f"{RANGE}.name", "pattern", "learning_rate", "learningRate", NAME),
    Case(f"{CHOICE}.values", "minItems", [], ["32"], "should have at least 1 items"),
    Case(
        f"{CHOICE}.values",
        "maxItems",
        [str(number) for number in range(33)],
        [str(number) for number in range(32)],
        "must have at most 32 items",
    ),
    Case(f"{CHOICE}.values", "unique", ["32", "32"], ["32", "64"], "Duplicate value"),
    Case(f"{CHOICE}.values[0]", "minLength", "", "3", "should be at least 1 chars long"),
    Case(f"{CHOICE}.values[0]", "maxLength", "3" * 65, "3" * 63, "may not be more than 64"),
    *(
        Case(f"{RANGE}.{end}", keyword, wrong, right, message)
        for end, right in (("min", "0.001"), ("max", "0.2"))
        for keyword, wrong, message in (
            ("pattern", "1E-3", DECIMAL),
            ("maxLength", f"0.{'0' * 30}1", "may not be more than 32"),
        )
    ),
    Case(f"{RANGE}.scale", "enum", "log", "Log", 'supported values: "Linear", "Log"'),
    *(
        Case(RANGE, "rule", {"name": "dropout", **wrong}, {"name": "dropout", **right}, message)
        for wrong, right, message in (
            ({}, {"values": ["0.1"]}, EITHER),
            ({"min": "0"}, {"min": "0", "max": "0.5"}, EITHER),
            ({"max": "0.5"}, {"min": "0", "max": "0.5", "scale": "Linear"}, EITHER),
            ({"values": ["0.1"], "max": "0.5"}, {"values": ["0.1", "0.5"]}, EITHER),
            ({"values": ["0.1"], "scale": "Log"}, {"min": "0.1", "max": "0.5", "scale": "Log"}, EITHER),
            ({"min": "0.5", "max": "0.5"}, {"min": "0.5", "max": "0.51"}, LESS),
            ({"min": "10", "max": "9"}, {"min": "9", "max": "10"}, LESS),
            ({"min": "0", "max": "0.5", "scale": "Log"}, {"min": "1e-9", "max": "0.5", "scale": "Log"}, LOG),
            ({"min": "-1", "max": "0.5", "scale": "Log"}, {"min": "-1", "max": "0.5"}, LOG),
        )
    ),
    Case("spec.tuning.maxTrials", "required", ABSENT, 2, "Required value"),
    Case("spec.tuning.maxTrials", "minimum", 0, 2, "should be greater than or equal to 1", also=(PARALLEL,)),
    Case("spec.tuning.maxTrials", "maximum", 501, 500, "should be less than or equal to 500"),
    Case("spec.tuning.parallelTrials", "minimum", 0, 1, "should be greater than or equal to 1"),
    Case("spec.tuning", "rule", {**TUNING, "maxTrials": 3, "parallelTrials": 4}, {**TUNING, "maxTrials": 4}, PARALLEL),
    Case(
        "spec.tuning",
        "maximum",
        {**TUNING, "maxTrials": 100, "parallelTrials": 65},
        {**TUNING, "maxTrials": 100, "parallelTrials": 64},
        "should be less than or equal to 64",
        about="spec.tuning.parallelTrials",
    ),
    *whole("spec.tuning.asha.gracePeriod", 1, 10000),
    *whole("spec.tuning.asha.reductionFactor", 2, 10),
    *whole("spec.tuning.seed", 0, 2147483647),
    Case("spec.hyperparameters", "rule", {"hiddenSize": "8"}, {"hiddenSizes": "8"}, FIXED, about="spec"),
]
