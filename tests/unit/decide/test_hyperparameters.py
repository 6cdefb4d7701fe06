"""The operator refuses what the trainers would refuse: both read one registry."""

from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_operator.decide.hyperparameters import Source, faults, merge, schema_of
from recsys_workers.models.hyperparameters import SASREC, InvalidHyperparameters, check
from recsys_workers.models.schema import schema_of as generated

NAMES = tuple(parameter.name for parameter in SASREC.parameters)
VALUES = (
    st.sampled_from(("0", "1", "2", "3", "7", "64", "100", "1024", "4097", "1e-3", "0.5", "-1", "nan", "inf", "", " 3"))
    | st.integers(-5, 5000).map(str)
    | st.floats().map(str)
    | st.text(max_size=6)
)


def test_the_packaged_schema_is_the_generated_one() -> None:
    assert schema_of("SASRec") == generated("SASRec")


def test_no_keyword_of_the_schema_is_overlooked() -> None:
    known = {"description", "type", "pattern", "default", "x-recsys-type", "x-recsys-minimum", "x-recsys-maximum"}
    for declared in schema_of("SASRec")["properties"].values():
        assert set(declared) <= known
    for rule in schema_of("SASRec")["x-recsys-rules"]:
        assert rule["relation"] in ("at least", "a multiple of")


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES) | st.sampled_from(("epoch", "x")), VALUES, max_size=5))
def test_what_passes_here_passes_in_the_trainer(values: dict[str, str]) -> None:
    if faults("SASRec", Source("spec.hyperparameters", values)):
        return
    check("SASRec", values)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), st.integers(-2, 5000).map(str) | st.just("0.5"), max_size=5))
def test_what_the_trainer_takes_is_not_refused(values: dict[str, str]) -> None:
    try:
        check("SASRec", values)
    except InvalidHyperparameters:
        assert faults("SASRec", Source("spec.hyperparameters", values))
    else:
        assert faults("SASRec", Source("spec.hyperparameters", values)) == ()


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
    assert "it has batchSize, checkpointEvery" in faults("SASRec", Source("run", {"zzz": "1"}))[0]


def test_input_length_follows_max_length() -> None:
    assert faults("SASRec", Source("run", {"maxLength": "200"})) == ()
    assert faults("SASRec", Source("run", {"maxLength": "200", "inputLength": "100"})) == (
        "The hyperparameter inputLength is 100 but must be at least maxLength, which is 200.",
    )


def test_an_enumeration() -> None:
    schema = {"properties": {"loss": {"type": "string", "enum": ["full", "sampled"]}}}
    assert faults("X", Source("run", {"loss": "half"}), schema=schema) == (
        "run.loss is 'half' but must be one of full, sampled.",
    )
