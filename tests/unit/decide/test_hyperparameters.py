"""The operator refuses what the trainers would refuse: both read one registry."""

from typing import get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_operator.api.architectures import described
from recsys_operator.api.recmodel import Architecture
from recsys_operator.decide.hyperparameters import Source, faults, merge, schema_of
from recsys_workers.models.declaration import Rule
from recsys_workers.models.hyperparameters import InvalidHyperparameters, check, declaration_of
from recsys_workers.models.registry import ARCHITECTURES
from recsys_workers.models.schema import schema_of as generated

NAMES = sorted({parameter.name for name in ARCHITECTURES for parameter in declaration_of(name).parameters})
CHOICES = sorted(
    {
        word
        for name in ARCHITECTURES
        for declared in generated(declaration_of(name))["properties"].values()
        for word in declared.get("enum", ())
    }
)
VALUES = (
    st.sampled_from(("0", "1", "2", "3", "7", "64", "100", "1024", "4097", "1e-3", "0.5", "-1", "nan", "inf", "", " 3"))
    | st.integers(-5, 5000).map(str)
    | st.floats().map(str)
    | st.text(max_size=6)
    | st.sampled_from(("adamw", *CHOICES))
)
EACH = pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))


@EACH
def test_the_operator_and_the_trainer_carry_the_same_schema(architecture: str) -> None:
    assert schema_of(architecture) == generated(declaration_of(architecture))


@EACH
def test_no_keyword_of_the_schema_is_overlooked(architecture: str) -> None:
    known = {"description", "type", "default", "x-recsys-type"}
    bounds = {"pattern", "x-recsys-minimum", "x-recsys-maximum"}
    for declared in schema_of(architecture)["properties"].values():
        # Only the trainer asks whether weights mean the same with another value; here it is for the reference.
        assert set(declared) - {"x-recsys-keeps-weights"} == known | (
            {"enum"} if declared["x-recsys-type"] == "choice" else bounds
        )
    for rule in schema_of(architecture)["x-recsys-rules"]:
        assert rule["relation"] in get_args(get_type_hints(Rule)["relation"])


def test_the_api_names_the_architectures_of_the_registry() -> None:
    assert list(described()) == sorted(ARCHITECTURES)
    with pytest.raises(ValueError, match=r"'SASRek' does not exist: use one of .*SASRec"):
        Architecture(name="SASRek")


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(ARCHITECTURES)),
    st.dictionaries(st.sampled_from(NAMES) | st.sampled_from(("epoch", "x")), VALUES, max_size=5),
)
def test_what_passes_here_passes_in_the_trainer(architecture: str, values: dict[str, str]) -> None:
    if faults(architecture, Source("spec.hyperparameters", values)):
        return
    check(architecture, values)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(sorted(ARCHITECTURES)),
    st.dictionaries(
        st.sampled_from(NAMES),
        st.integers(-2, 5000).map(str) | st.just("0.5") | st.sampled_from(("adamw", *CHOICES)),
        max_size=5,
    ),
)
def test_what_the_trainer_takes_is_not_refused(architecture: str, values: dict[str, str]) -> None:
    try:
        check(architecture, values)
    except InvalidHyperparameters:
        assert faults(architecture, Source("spec.hyperparameters", values))
    else:
        assert faults(architecture, Source("spec.hyperparameters", values)) == ()


def test_the_run_overrides_the_model() -> None:
    sources = Source("model", {"epochs": "0", "layers": "1"}), Source("run", {"epochs": "5"})
    assert merge(*sources) == {"epochs": "5", "layers": "1"}
    assert faults("SASRec", *sources) == ()


def test_each_fault_names_the_field_it_stands_in() -> None:
    found = faults("SASRec", Source("model", {"layers": "0"}), Source("run", {"hiden_size": "8"}))
    assert found == (
        "run.hiden_size: SASRec has no such hyperparameter; did you mean hiddenSize?",
        "model.layers is 0 but must be an integer from 1 to 12.",
    )


def test_a_name_like_no_other_gets_the_whole_list() -> None:
    assert "it has averageDecay, batchSize, checkpointEvery" in faults("SASRec", Source("run", {"zzz": "1"}))[0]


def test_a_rule_names_the_fields_that_are_written() -> None:
    assert faults("SASRec", Source("model", {"hiddenSize": "33"})) == (
        "model.hiddenSize is 33 but must be a multiple of heads, which is 2.",
    )
    assert faults("SASRec", Source("model", {"hiddenSize": "33"}), Source("run", {"heads": "4"})) == (
        "model.hiddenSize is 33 but must be a multiple of run.heads, which is 4.",
    )
    assert faults("SASRec", Source("run", {"heads": "5"})) == (
        "The hyperparameter hiddenSize is 64 but must be a multiple of run.heads, which is 5.",
    )


def test_all_mistakes_are_told_at_once() -> None:
    """A rule is held against values that are right for themselves, whatever is wrong with others."""
    wrong = {"layers": "0", "hiddenSize": "33", "maxLength": "200", "inputLength": "100", "momentum": "0.9"}
    found = faults("SASRec", Source("run", wrong))
    assert [sentence.split(" ")[0] for sentence in found] == [
        "run.layers",
        "run.hiddenSize",
        "run.inputLength",
        "run.momentum",
    ]
    for name in ("hiddenSize", "heads"):
        found = faults("SASRec", Source("run", {"hiddenSize": "33", "heads": "4", name: "many"}))
        assert len(found) == 1, "of a rule with a value that cannot be read nothing can be said"
    assert len(faults("SASRec", Source("run", {"maxLength": "many"}))) == 1, "inputLength follows it"


def test_input_length_follows_max_length() -> None:
    assert faults("SASRec", Source("run", {"maxLength": "200"})) == ()
    assert faults("SASRec", Source("run", {"maxLength": "200", "inputLength": "100"})) == (
        "run.inputLength is 100 but must be at least run.maxLength, which is 200.",
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("half", "must be one of full, sampled."),
        ("Sampeld", "must be one of full, sampled; did you mean sampled?"),
    ],
)
def test_a_choice(value: str, said: str) -> None:
    schema = {"properties": {"loss": {"type": "string", "enum": ["full", "sampled"]}}}
    assert faults("X", Source("run", {"loss": value}), schema=schema) == (f"run.loss is {value!r} but {said}",)


def test_a_choice_of_one() -> None:
    schema = {"properties": {"loss": {"type": "string", "enum": ["full"]}}}
    assert faults("X", Source("run", {"loss": "ful"}), schema=schema) == ("run.loss is 'ful' but must be full.",)


@pytest.mark.parametrize(
    ("relation", "left", "right", "holds"),
    [
        ("at least", 3, 3, True),
        ("at least", 2, 3, False),
        ("at least twice", 6, 3, True),
        ("at least twice", 5, 3, False),
        ("a multiple of", 9, 3, True),
        ("a multiple of", 8, 3, False),
        ("a multiple of twice", 12, 3, True),
        ("a multiple of twice", 9, 3, False),
    ],
)
def test_rules_between_two_numbers(relation: str, left: int, right: int, holds: bool) -> None:
    schema = {
        "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        "x-recsys-rules": [{"left": "a", "relation": relation, "right": "b"}],
    }
    sentence = f"run.a is {left} but must be {relation} run.b, which is {right}."
    found = faults("X", Source("run", {"a": str(left), "b": str(right)}), schema=schema)
    assert found == (() if holds else (sentence,))


def test_one_that_changes_nothing_is_refused_when_it_is_given() -> None:
    schema = {
        "properties": {
            "optimizer": {"type": "string", "enum": ["AdamW", "SGD"], "default": "AdamW"},
            "momentum": {"type": "string", "default": "0.9"},
        },
        "x-recsys-rules": [{"left": "momentum", "relation": "only with", "right": "optimizer", "value": "SGD"}],
    }
    sgd = Source("model", {"optimizer": "SGD", "momentum": "0.5"})
    assert faults("X", sgd, schema=schema) == ()
    assert faults("X", schema=schema) == ()
    assert faults("X", sgd, Source("run", {"optimizer": "AdamW"}), schema=schema) == (
        "model.momentum is given but changes nothing, because run.optimizer is AdamW: leave momentum out, or "
        "set optimizer to SGD.",
    )
