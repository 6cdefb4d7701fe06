"""spec.cleaning of a TrainingRun: one wrong value and its correction for each rule and bound."""

from typing import Any

from tests.integration.api.case import ABSENT, Case

CLEANING: dict[str, Any] = {
    "missing": "Drop",
    "timeWindow": {"from": "2026-01-01", "to": "2026-04-01T00:00:00+02:00"},
    "bounds": [{"column": "age", "min": "0", "max": "120"}],
    "quantiles": [{"column": "income", "lower": "0.001", "upper": "0.999"}],
    "duplicates": "KeepFirst",
    "minUserInteractions": 5,
    "minItemInteractions": 5,
}
MOMENT = "should match '^(-?[0-9]{1,19}(\\.[0-9]{1,9})?|[0-9]{4}-[0-9]{2}-[0-9]{2}(T"
DECIMAL = r"should match '^-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,12})?(e-?[0-9]{1,2})?$'"
SHARE = r"should match '^0\.[0-9]+$'"
MANY = [{"column": f"c{number}", "min": "0", "lower": "0.1"} for number in range(65)]


def many(*names: str) -> list[dict[str, str]]:
    """One more column than may be listed, with these fields."""
    return [{name: one[name] for name in ("column", *names)} for one in MANY]


CASES: list[Case] = [
    Case("spec.cleaning.missing", "enum", "Ignore", "Fail", 'supported values: "Fail", "Drop"'),
    Case("spec.cleaning.duplicates", "enum", "None", "KeepAll", 'supported values: "KeepAll", "KeepFirst", "KeepLast"'),
    Case("spec.cleaning.timeWindow", "rule", {}, {"to": 1767225600}, "cleaning.timeWindow must set from, to, or both"),
    *(
        Case(f"spec.cleaning.timeWindow.{end}", keyword, wrong, right, message)
        for end in ("from", "to")
        for keyword, wrong, right, message in (
            ("pattern", "yesterday", "2026-01-01T06:30Z", MOMENT),
            ("pattern", "2026-1-1", "2026-01-01", MOMENT),
            ("pattern", "2026-01-01 06:30:00", "2026-01-01T06:30:00.5", MOMENT),
            ("pattern", "1.7e9", "1767225600.5", MOMENT),
            (
                "maxLength",
                "2026-01-01T06:30:00.123456789+01:000",
                "2026-01-01T06:30:00.123456789+01:00",
                "may not be mor",
            ),
        )
    ),
    *(
        Case(f"spec.cleaning.{least}", keyword, wrong, right, message)
        for least in ("minUserInteractions", "minItemInteractions")
        for keyword, wrong, right, message in (
            ("minimum", 1, 2, "should be greater than or equal to 2"),
            ("maximum", 1000001, 1000000, "should be less than or equal to 1000000"),
        )
    ),
    *(
        case
        for rule, low, high, one, other, most, pattern in (
            ("bounds", "min", "max", "3", "3.5", 32, DECIMAL),
            ("quantiles", "lower", "upper", "0.01", "0.99", 16, SHARE),
        )
        for case in (
            Case(
                f"spec.cleaning.{rule}[0]",
                "rule",
                {"column": "age"},
                {"column": "age", high: one},
                f"cleaning.{rule} must set {low}, {high}, or both",
            ),
            Case(
                f"spec.cleaning.{rule}[0]",
                "rule",
                {"column": "age", low: other, high: one},
                {"column": "age", low: one, high: other},
                {
                    "bounds": "cleaning.bounds: min must not exceed max",
                    "quantiles": "cleaning.quantiles: lower must be less than upper",
                }[rule],
            ),
            Case(f"spec.cleaning.{rule}[0].{low}", "pattern", f"+{one}", one, pattern),
            Case(f"spec.cleaning.{rule}[0].{high}", "pattern", f"+{other}", other, pattern),
            *(
                Case(
                    f"spec.cleaning.{rule}[0].{end}",
                    "maxLength",
                    right.ljust(most + 1, "0"),
                    right,
                    f"more than {most}",
                )
                for end, right in ((low, "0.01"), (high, "0.99"))
            ),
            Case(f"spec.cleaning.{rule}[0].column", "required", ABSENT, "age", "Required value"),
            Case(f"spec.cleaning.{rule}[0].column", "minLength", "", "age", "at least 1"),
            Case(f"spec.cleaning.{rule}[0].column", "maxLength", "a" * 64, "a" * 63, "may not be more than 63"),
            Case(f"spec.cleaning.{rule}", "minItems", [], many(low)[:1], "should have at least 1 items"),
            Case(f"spec.cleaning.{rule}", "maxItems", many(low), many(low)[:64], "must have at most 64 items"),
            Case(f"spec.cleaning.{rule}", "unique", many(low)[:1] * 2, many(low)[:2], "Duplicate value"),
        )
    ),
]
