"""From spec.tuning to the trials: seeded, within the bounds, and never one that the architecture refuses."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_workers.models.hyperparameters import InvalidHyperparameters
from recsys_workers.tune import space
from recsys_workers.tune.space import Asha, Trial, Tuning


def tuning(*parameters: dict[str, Any], trials: int = 50, **others: Any) -> Tuning:
    found = space.parse({"parameters": list(parameters), "maxTrials": trials, **others}, 7)
    assert found is not None
    return found


def between(name: str, low: str, high: str, **scale: str) -> dict[str, Any]:
    return {"name": name, "min": low, "max": high, **scale}


def among(name: str, *values: str) -> dict[str, Any]:
    return {"name": name, "values": list(values)}


RATE = between("learningRate", "0.0001", "0.1", scale="Log")


def drawn(*parameters: dict[str, Any], trials: int = 50, **given: str) -> list[Trial]:
    return space.trials("SASRec", given, tuning(*parameters, trials=trials))


def test_what_is_absent_has_its_default() -> None:
    assert space.parse(None, 7) is None
    found = tuning(RATE, trials=3)
    assert (found.parallel, found.asha, found.seed) == (1, None, 7)
    assert tuning(RATE, asha={}, seed=0).asha == Asha(1, 3)
    assert tuning(RATE, seed=0).seed == 0


def test_a_seed_proposes_the_same_and_fewer_trials_are_the_first_of_more() -> None:
    parameters = (RATE, among("hiddenSize", "16", "32"), between("dropout", "0", "0.5"))
    first, again = drawn(*parameters), drawn(*parameters)
    assert first == again
    assert drawn(*parameters, trials=5) == first[:5]
    assert space.trials("SASRec", {}, tuning(*parameters, seed=8)) != first
    assert [trial.number for trial in first] == list(range(1, 51))


def test_the_first_trials_of_a_seed_stay_what_they_are_from_release_to_release() -> None:
    """A run that an operator's upgrade interrupts goes on with the trials that it had."""
    assert [dict(trial.tuned) for trial in drawn(RATE, between("layers", "1", "4"), trials=3)] == [
        {"learningRate": "0.00093648", "layers": "1"},
        {"learningRate": "0.00897023", "layers": "1"},
        {"learningRate": "0.00405178", "layers": "2"},
    ]


def test_a_log_scale_has_as_many_trials_in_each_order_of_magnitude() -> None:
    orders = [math.floor(math.log10(float(trial.tuned["learningRate"]))) for trial in drawn(RATE, trials=300)]
    assert all(80 <= orders.count(order) <= 120 for order in (-4, -3, -2))
    linear = drawn(between("learningRate", "0.0001", "0.1"), trials=300)
    assert sum(float(trial.tuned["learningRate"]) > 0.01 for trial in linear) > 250


@pytest.mark.parametrize("scale", ["Linear", "Log"])
def test_whole_numbers_come_as_such_with_both_ends(scale: str) -> None:
    found = drawn(between("layers", "1", "4", scale=scale), trials=50)
    # As many trials as there are: each is different.
    assert sorted(trial.tuned["layers"] for trial in found) == ["1", "2", "3", "4"]


def test_what_breaks_a_rule_is_drawn_anew() -> None:
    found = drawn(between("hiddenSize", "8", "64"), among("heads", "2", "3"), trials=40)
    assert len(found) == 40
    assert all(int(trial.tuned["hiddenSize"]) % int(trial.tuned["heads"]) == 0 for trial in found)


def test_what_has_no_effect_in_a_trial_is_not_in_it() -> None:
    found = drawn(between("momentum", "0.5", "0.9"), among("optimizer", "SGD", "AdamW"), trials=20)
    assert len(found) == 20 or {"optimizer": "AdamW"} in [dict(trial.tuned) for trial in found]
    for trial in found:
        assert ("momentum" in trial.tuned) == (trial.tuned["optimizer"] == "SGD")
    fixed = drawn(among("optimizer", "SGD", "AdamW"), trials=2, momentum="0.8")
    assert {trial.hyperparameters.text["momentum"] for trial in fixed} == {"0.8", "0.9"}


def test_the_runs_other_hyperparameters_are_in_every_trial_and_tuned_ones_replace_them() -> None:
    found = drawn(RATE, trials=3, learningRate="1e-9", layers="3")
    assert all(trial.hyperparameters.text["layers"] == "3" for trial in found)
    assert all(float(trial.hyperparameters.text["learningRate"]) >= 0.0001 for trial in found)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ([among("learningrate", "1")], "no hyperparameter 'learningrate': did you mean learningRate?"),
        ([between("learningRate", "0.1", "2")], "learningRate is 2 but must be a number from 1e-09 to 1."),
        ([between("layers", "0.5", "2")], "layers is '0.5' but must be an integer from 1 to 12."),
        ([among("heads", "3", "5")], "no trial that was drawn can be trained with"),
    ],
)
def test_a_space_that_cannot_be_trained_with_is_refused(parameters: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(InvalidHyperparameters, match=said.replace("(", r"\(").replace("?", r"\?")):
        drawn(*parameters, hiddenSize="64")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31 - 1), st.floats(1e-6, 0.4), st.floats(1e-6, 0.4), st.booleans())
def test_every_draw_lies_between_the_ends(seed: int, low: float, wide: float, log: bool) -> None:
    parameter = between("dropout", f"{low:.12f}", f"{low + wide:.12f}", scale="Log" if log else "Linear")
    for trial in space.trials("SASRec", {}, tuning(parameter, trials=3, seed=seed)):
        assert float(parameter["min"]) <= float(trial.tuned["dropout"]) <= float(parameter["max"])
