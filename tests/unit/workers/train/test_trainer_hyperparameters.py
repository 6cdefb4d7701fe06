"""Hyperparameters: defaults, bounds, rules, suggestions, and the schema that the operator carries."""

import re
import subprocess
import sys

import pytest

from recsys_workers.models.hyperparameters import SCHEMAS, InvalidHyperparameters, check, declaration_of, wrong_task
from recsys_workers.models.registry import ARCHITECTURES
from recsys_workers.models.schema import file_of, schema_of, text_of


def test_defaults_are_filled_in_and_valid() -> None:
    found = check("SASRec", {})
    assert found.integer("maxLength") == 50
    assert found.integer("inputLength") == 50
    assert found.number("learningRate") == 0.001


def test_input_length_follows_max_length_unless_it_is_given() -> None:
    assert check("SASRec", {"maxLength": "20"}).integer("inputLength") == 20
    assert check("SASRec", {"maxLength": "20", "inputLength": "1024"}).integer("inputLength") == 1024


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"learning_rate": "0.1"}, "has no hyperparameter 'learning_rate': did you mean learningRate?"),
        ({"hidensize": "8"}, "did you mean hiddenSize?"),
        ({"zzz": "8"}, "it has averageDecay, batchSize, checkpointEvery"),
        ({"hiddenSize": "many"}, "hiddenSize is 'many' but must be an integer from 4 to 1024"),
        ({"hiddenSize": "2.5"}, "must be an integer"),
        ({"hiddenSize": "99999"}, "hiddenSize is 99999 but must be an integer from 4 to 1024"),
        ({"dropout": "1"}, "dropout is 1 but must be a number from 0 to 0.9"),
        ({"dropout": "nan"}, "dropout is nan but must be a number"),
        ({"hiddenSize": "10", "heads": "4"}, "hiddenSize is 10 but must be a multiple of heads, which is 4"),
        ({"optimizer": "adam"}, "optimizer is 'adam' but must be one of AdamW, Adam, SGD; did you mean Adam?"),
        ({"schedule": "cyclic"}, "schedule is 'cyclic' but must be one of WarmUpLinear, WarmUpCosine, Constant."),
        ({"momentum": "0.5"}, "momentum is given but changes nothing, because optimizer is AdamW: leave momentum out"),
        ({"maxLength": "100", "inputLength": "50"}, "inputLength is 50 but must be at least maxLength, which is 100"),
    ],
)
def test_wrong_ones_are_refused_with_what_is_allowed(given: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidHyperparameters) as refused:
        check("SASRec", given)
    assert said in str(refused.value)


def test_what_means_nothing_to_a_set_is_refused() -> None:
    for name in ("reorderShare", "cropShare", "maskProbability"):
        with pytest.raises(InvalidHyperparameters, match=f"TwoTower has no hyperparameter '{name}'"):
            check("TwoTower", {name: "0.5"})
    with pytest.raises(InvalidHyperparameters, match="samples is 'Windows' but must be one of Prefixes, Sets"):
        check("BPRMF", {"samples": "Windows"})


def test_an_architecture_goes_with_its_task_alone() -> None:
    assert wrong_task("TwoTower", "Retrieval") is wrong_task("SASRec", "SequentialRecommendation") is None
    said = wrong_task("BPRMF", "SequentialRecommendation")
    assert said is not None
    assert "BPRMF is for the task Retrieval, not for SequentialRecommendation: use BSARec or Decoder or SASRec" in said


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(InvalidHyperparameters, match=r"layer.*did you mean layers.*epochs is 0"):
        check("SASRec", {"layer": "3", "epochs": "0"})


def test_an_unknown_architecture_names_those_that_exist() -> None:
    with pytest.raises(InvalidHyperparameters, match=r"'BERT' does not exist: use one of .*SASRec"):
        check("BERT", {})


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_a_schema_is_read_back_as_the_declaration_that_it_was_made_of(architecture: str) -> None:
    assert text_of(declaration_of(architecture)) == (SCHEMAS / file_of(architecture)).read_text()


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_every_default_satisfies_its_own_schema(architecture: str) -> None:
    for name, declared in schema_of(declaration_of(architecture))["properties"].items():
        assert declared["description"].endswith("."), name
        if declared["x-recsys-type"] == "choice":
            assert declared["default"] in declared["enum"], name
            continue
        assert re.fullmatch(declared["pattern"], declared["default"]), name
        assert declared["x-recsys-minimum"] <= float(declared["default"]) <= declared["x-recsys-maximum"], name


def test_checking_needs_no_torch() -> None:
    code = "import sys; from recsys_workers.train.checks import check; check('SASRec', {}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "torch" not in done.stdout.split()
