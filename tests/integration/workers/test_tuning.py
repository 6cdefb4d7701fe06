"""A search with the real Ray Tune: trials that are ended early, a winner whose training goes on to its version, kills."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.integration.workers.test_trainer_kill import LEFT, Trainer, write_data

from recsys_workers import manifest

pytestmark = [pytest.mark.torch, pytest.mark.timeout(900)]

FIXED = {"hiddenSize": "16", "maxLength": "10", "batchSize": "64"}
RATES = {"name": "learningRate", "min": "0.00002", "max": "0.02", "scale": "Log"}


def searched(trials: int, epochs: int, **others: Any) -> dict[str, Any]:
    """What run.json has of a search among learning rates of which most are too small."""
    tuning = {"parameters": [RATES], "maxTrials": trials, "asha": {"gracePeriod": 1, "reductionFactor": 2}, **others}
    return {"hyperparameters": {**FIXED, "epochs": str(epochs)}, "tuning": tuning}


def version_of(trainer: Trainer, number: int = 1) -> manifest.Version:
    return manifest.load(trainer.store / "versions" / str(number), None)


def trials_of(version: manifest.Version) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(version.contents[manifest.TUNING])["trials"]
    return found


def without_seconds(trials: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in trial.items() if name != "seconds"} for trial in trials]


def test_the_best_of_the_trials_becomes_the_version(tmp_path: Path) -> None:
    write_data(tmp_path / "data")
    (tmp_path / "store").mkdir()
    gates = [{"name": "same-lists", "parity": {"tolerance": "1e-5"}}]
    trainer = Trainer(tmp_path, "searched", 1, gates, **searched(4, 6, parallelTrials=2))
    assert trainer.wait() == 0, trainer.text()
    version = version_of(trainer)
    trials = trials_of(version)
    assert [trial["trial"] for trial in trials] == [1, 2, 3, 4]
    assert {trial["state"] for trial in trials} == {"Finished", "EndedEarly"}, trials
    assert all((trial["epochs"] == 6) == (trial["state"] == "Finished") for trial in trials)
    best = max(trials, key=lambda trial: float(trial["best"]))
    told = version.manifest.tuning
    assert (told["bestTrial"], told["best"]) == (best["trial"], best["best"])
    assert told["hyperparameters"] == best["hyperparameters"]
    assert version.manifest.hyperparameters["learningRate"] == best["hyperparameters"]["learningRate"]
    evaluation = json.loads(version.contents[manifest.EVALUATION])
    assert evaluation["validation"] == {"NDCG@10": best["best"]}
    assert evaluation["bestEpoch"] == best["bestEpoch"]
    # The test is looked at once, by the export of the winner.
    assert trainer.text().count("exported epoch") == 1
    assert f"Trial {best['trial']} of 4 has won" in trainer.text()
    assert "continuing after epoch 6 of 6" in trainer.text()
    assert len([line for line in trainer.text().splitlines() if "Epoch" in line]) == 0, trainer.text()
    assert trainer.left() == LEFT
    print(trainer.text())
