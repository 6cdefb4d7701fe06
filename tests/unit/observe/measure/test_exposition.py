"""The parser of the text format says what prometheus_client's says, only faster."""

import contextlib
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from recsys_operator.observe.measure.exposition import NotMetrics, Sample, samples

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
numbers = st.floats(allow_nan=False)


def theirs(text: str) -> list[Sample]:
    families = text_string_to_metric_families(text)
    return [Sample(one.name, one.labels, one.value) for family in families for one in family.samples]


@settings(deadline=None)
@given(st.dictionaries(texts, numbers, max_size=5), numbers)
def test_it_reads_what_prometheus_client_writes(values: dict[str, float], plain: float) -> None:
    registry = CollectorRegistry()
    labelled = Gauge("labelled", "Any text.", ("name", "other"), registry=registry)
    for label, value in values.items():
        labelled.labels(label, "x").set(value)
    Gauge("plain", "No label.", registry=registry).set(plain)
    Counter("events", "A counter.", ("code",), registry=registry).labels("200").inc()
    Histogram("seconds", "A histogram.", buckets=(0.1, 1), registry=registry).observe(0.5)
    text = generate_latest(registry).decode()
    found = list(samples(text))
    assert found == theirs(text)
    assert {one.labels["name"]: one.value for one in found if one.name == "labelled"} == values


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(NotMetrics):
        list(samples(text))


@pytest.mark.parametrize(
    ("line", "value", "labels"),
    [
        ("a 1", 1, {}),
        ("a{} 1", 1, {}),
        ('a{b="c",} +Inf 1700000000000', math.inf, {"b": "c"}),
        ('  a{ b = "}{,\\"", d="\\\\n" }\t-2.5e-3\r', -0.0025, {"b": '}{,"', "d": "\\n"}),
        ('a{le="0.005"} 3.0', 3, {"le": "0.005"}),
    ],
)
def test_forms_of_a_line(line: str, value: float, labels: dict[str, str]) -> None:
    assert list(samples(f"# HELP a b\n\n{line}\n")) == [Sample("a", labels, value)]


def test_not_a_number_is_a_number_of_the_format() -> None:
    (found,) = samples("a NaN")
    assert math.isnan(found.value)


def test_other_names_are_passed_over() -> None:
    assert [one.name for one in samples("recsys_a 1\nother 2\nrecsys_b 3", "recsys_")] == ["recsys_a", "recsys_b"]


@pytest.mark.parametrize(
    "line",
    [
        "<html>",
        "a",
        "a one",
        "a 1_0",
        "a{ 1",
        'a{b="c} 1',
        "a{b=c} 1",
        'a{b="c"d="e"} 1',
        'a{b="c"} 1 2 3',
        "1a 1",
        '{"a": 1}',
        "a" * 100_000,
        'a{b="' + "\\" * 100_000,
        "a{" + " " * 100_000,
    ],
)
def test_what_is_no_sample_names_its_line(line: str) -> None:
    with pytest.raises(NotMetrics, match="line 2 "):
        list(samples(f"a 1\n{line}\na 2"))
