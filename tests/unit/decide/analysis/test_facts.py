"""Evidence is found by arm and revision, so that what was measured of one revision never judges another."""

from datetime import UTC, datetime

from recsys_operator.decide.analysis.facts import Answer, Evidence, Measurement, Reading

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
READING = Reading("Canary", "abc", NOW, ())
ERRORS = Measurement("errors", "Canary", "abc", NOW, Answer("Value", 0.5))
EVIDENCE = Evidence((READING,), (ERRORS,))


def test_a_reading_is_of_one_arm_and_one_revision() -> None:
    assert EVIDENCE.reading("Canary", "abc") is READING
    assert EVIDENCE.reading("Stable", "abc") is None
    assert EVIDENCE.reading("Canary", "abd") is None


def test_a_measurement_is_of_one_metric_one_arm_and_one_revision() -> None:
    assert EVIDENCE.measurement("errors", "Canary", "abc") is ERRORS
    assert EVIDENCE.measurement("latency", "Canary", "abc") is None
    assert EVIDENCE.measurement("errors", "Stable", "abc") is None
    assert EVIDENCE.measurement("errors", "Canary", "abd") is None
