"""A space that some trial could not be trained with is refused before a pod starts, with the field and what to do."""

from typing import Any

import pytest
from tests.unit.decide.run_facts import NOW, model_spec, observed, run_spec

from recsys_operator.api.tuning import Tuning
from recsys_operator.decide import tuning
from recsys_operator.decide.hyperparameters import Source
from recsys_operator.decide.trainingrun.decision import decide

FIELD = "spec.tuning.parameters"


def space(*parameters: dict[str, Any], **others: Any) -> Tuning:
    return Tuning.model_validate({"parameters": list(parameters), "maxTrials": 4, **others})


def between(name: str, low: str, high: str) -> dict[str, Any]:
    return {"name": name, "min": low, "max": high}


def among(name: str, *values: str) -> dict[str, Any]:
    return {"name": name, "values": list(values)}


@pytest.mark.parametrize(
    ("parameters", "fixed", "said"),
    [
        ([between("learningRate", "0.0001", "0.1"), among("hiddenSize", "32", "64")], {}, ()),
        (
            [between("learningRat", "0.0001", "0.1")],
            {},
            (f"{FIELD}[learningRat]: SASRec has no such hyperparameter; did you mean learningRate?",),
        ),
        (
            [between("learningRate", "0", "2")],
            {},
            (
                f"{FIELD}[learningRate].min is 0 but must be a number from 1e-09 to 1.",
                f"{FIELD}[learningRate].max is 2 but must be a number from 1e-09 to 1.",
            ),
        ),
        (
            [among("optimizer", "AdamW", "adam")],
            {},
            (f"{FIELD}[optimizer].values[1] is 'adam' but must be one of AdamW, Adam, SGD; did you mean Adam?",),
        ),
        (
            [between("optimizer", "0", "1")],
            {},
            (f"{FIELD}[optimizer] has min and max, but optimizer is one of AdamW, Adam, SGD: give values.",),
        ),
        (
            [between("layers", "1.5", "4")],
            {},
            (f"{FIELD}[layers].min is '1.5' but must be an integer from 1 to 12.",),
        ),
        ([between("hiddenSize", "16", "17")], {"heads": "2"}, ()),
        (
            [between("hiddenSize", "17", "18")],
            {"heads": "5"},
            (f"{FIELD}[hiddenSize]: hiddenSize must be a multiple of heads, and no trial could be so.",),
        ),
        ([among("heads", "3", "4")], {"hiddenSize": "32"}, ()),
        (
            [among("heads", "3", "5")],
            {"hiddenSize": "32"},
            (f"{FIELD}[heads]: hiddenSize must be a multiple of heads, and no trial could be so.",),
        ),
        ([among("maxLength", "20", "50")], {}, ()),
        (
            [among("maxLength", "20", "50")],
            {"inputLength": "10"},
            (f"{FIELD}[maxLength]: inputLength must be at least maxLength, and no trial could be so.",),
        ),
        ([between("momentum", "0.8", "0.95"), among("optimizer", "AdamW", "SGD")], {}, ()),
        (
            [between("momentum", "0.8", "0.95")],
            {},
            (
                f"{FIELD}[momentum] changes nothing, because optimizer is never SGD: leave momentum out, or let "
                "optimizer be SGD.",
            ),
        ),
        ([among("layers", "1", "2")], {"heads": "5"}, ("run.heads",)),
    ],
)
def test_each_end_and_each_value_is_held_against_the_architecture(
    parameters: list[dict[str, Any]], fixed: dict[str, str], said: tuple[str, ...]
) -> None:
    found = tuning.faults("SASRec", space(*parameters), Source("run", fixed))
    if said == ("run.heads",):
        assert found == ("The hyperparameter hiddenSize is 64 but must be a multiple of run.heads, which is 5.",)
    else:
        assert found == said


def test_all_mistakes_are_told_at_once() -> None:
    searched = space(
        between("dropout", "0", "2"),
        among("heads", "3", "5"),
        among("hidenSize", "32"),
        between("maxLength", "1.5", "50"),
        asha={"gracePeriod": 20},
    )
    fixed = {"layers": "0", "hiddenSize": "32", "epochs": "20", "inputLength": "10"}
    found = tuning.faults("SASRec", searched, Source("run", fixed), begins_with=3)
    assert [sentence.split(" ")[0].rstrip(":") for sentence in found] == [
        "run.layers",
        f"{FIELD}[dropout].max",
        f"{FIELD}[hidenSize]",
        f"{FIELD}[maxLength].min",
        f"{FIELD}[heads]",
        f"{FIELD}[heads]",
        "spec.tuning.asha.gracePeriod",
    ]
    assert tuning.faults("SASRec", searched, Source("run", {**fixed, "epochs": "none"}))[1].startswith("run.epochs")


def test_what_the_model_says_of_a_tuned_one_does_not_count() -> None:
    model = Source("model", {"hiddenSize": "7", "layers": "0"})
    found = tuning.faults("SASRec", space(among("hiddenSize", "32")), model)
    assert found == ("model.layers is 0 but must be an integer from 1 to 12.",)


def test_a_run_that_begins_with_a_version_tunes_the_training_only() -> None:
    searched = space(between("learningRate", "0.0001", "0.1"), among("hiddenSize", "32"))
    assert tuning.faults("SASRec", searched, begins_with=3) == (
        f"{FIELD}[hiddenSize] makes another network than that of version 3, whose weights spec.initFrom begins with: "
        "leave it or spec.initFrom out.",
    )


@pytest.mark.parametrize(("epochs", "refused"), [("20", True), ("21", False)])
def test_a_grace_that_nobody_outlives_is_refused(epochs: str, *, refused: bool) -> None:
    searched = space(between("dropout", "0", "0.5"), asha={"gracePeriod": 20})
    found = tuning.faults("SASRec", searched, Source("run", {"epochs": epochs}))
    assert bool(found) is refused
    among_epochs = space(among("epochs", "5", epochs), asha={"gracePeriod": 20})
    assert bool(tuning.faults("SASRec", among_epochs)) is refused


TABLE = {"task": "Tabular", "schema": {"columns": [{"name": "label", "role": "Label"}]}, "catalogue": None}


@pytest.mark.parametrize(
    ("model", "objective", "allowed"),
    [
        ({}, None, None),
        ({}, "HR@20", None),
        ({}, "MRR@20", None),
        ({}, "AUC", "of the task SequentialRecommendation it must be one of NDCG@k, HR@k, MRR@k."),
        ({**TABLE, "objective": "Regression"}, "MAE", None),
        ({**TABLE, "objective": "Regression"}, "LogLoss", "of the objective Regression it must be one of RMSE, MAE."),
        ({**TABLE, "task": "Ranking"}, "AUC", None),
        ({**TABLE, "task": "Ranking"}, "GAUC", "of the task Ranking it must be one of AUC, LogLoss."),
    ],
)
def test_the_objective_is_a_metric_that_the_task_can_validate_by(
    model: dict[str, Any], objective: str | None, allowed: str | None
) -> None:
    searched = space(between("dropout", "0", "0.5"), objective=objective)
    said = () if allowed is None else (f"spec.tuning.objective is {objective}, but {allowed}",)
    assert tuning.objective_faults(searched, model_spec(**model)) == said


def test_a_wrong_space_ends_the_run_at_once() -> None:
    spec = run_spec(tuning={"parameters": [among("hiddenSise", "32")], "maxTrials": 2})
    decision = decide(observed(spec=spec), NOW)
    (condition,) = decision.status.conditions
    assert (condition.status, condition.reason) == ("False", "InvalidHyperparameters")
    assert "did you mean hiddenSize?" in condition.message
    assert decision.job is None
