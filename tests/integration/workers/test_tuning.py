"""A search with the real Ray Tune: trials that are ended early, a winner that becomes the version, and kills."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.integration.workers.test_trainer_kill import LEFT, ROOT, Trainer, write_data
from tests.unit.workers.tabular import tables

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
    # One model is exported, and scored on the test: what trials see is in test_trials_without_test.py.
    assert trainer.text().count("exported epoch") == 1
    assert f"Trial {best['trial']} of 4 has won" in trainer.text()
    assert "continuing after epoch 6 of 6" in trainer.text()
    assert len([line for line in trainer.text().splitlines() if "Epoch" in line]) == 0, trainer.text()
    assert trainer.left() == LEFT


@pytest.mark.full
def test_kills_change_neither_the_trials_nor_the_winner(tmp_path: Path) -> None:
    write_data(tmp_path / "data")
    (tmp_path / "store").mkdir()
    settings = searched(6, 30, parallelTrials=2, asha={"gracePeriod": 3, "reductionFactor": 3})
    first = Trainer(tmp_path, "disturbed", 1, **settings)
    wait_for(first, " ended after| was ended early")
    first.kill()
    trials = first.run_folder / "trials"
    ended = {path.parent.name: path.stat().st_mtime_ns for path in trials.glob("*/outcome.json")}
    assert ended
    running = [path.parent.name for path in trials.glob("*/state.pt") if path.parent.name not in ended]
    assert running, "the kill came when nothing ran"

    second = Trainer(tmp_path, "disturbed", 2, **settings)
    wait_for(second, "were ended by earlier attempts")
    wait_for(second, " ended after| was ended early")
    second.kill()
    assert {name: (trials / name / "outcome.json").stat().st_mtime_ns for name in ended} == ended
    for name in ended:
        assert f"Trial {name} of 6 trains with" not in second.text()

    third = Trainer(tmp_path, "disturbed", 3, **settings)
    assert third.wait() == 0, third.text()
    assert third.left() == LEFT
    undisturbed = Trainer(tmp_path, "undisturbed", 1, **settings)
    assert undisturbed.wait() == 0, undisturbed.text()
    version, twin = version_of(third), version_of(undisturbed, 2)
    assert without_seconds(trials_of(version)) == without_seconds(trials_of(twin))
    assert version.manifest.tuning == twin.manifest.tuning
    assert version.contents[manifest.MODEL] == twin.contents[manifest.MODEL]

    # What was found is what a run gives that trains with it at once.
    alone = {**settings["hyperparameters"], **version.manifest.tuning["hyperparameters"]}
    plain = Trainer(tmp_path, "plain", 1, hyperparameters=alone)
    assert plain.wait() == 0, plain.text()
    assert version_of(plain, 3).contents[manifest.MODEL] == version.contents[manifest.MODEL]


@pytest.mark.full
def test_a_trial_that_diverges_is_a_failed_one_and_if_all_do_the_run_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tables.document(tmp_path, monkeypatch, tables.rows(300))
    roles = {"tenure": "Label", "plan": "Categorical", "day": "Numeric"}
    made |= {
        "objective": "Regression",
        "architecture": "MLP",
        "schema": {"columns": [{"name": name, "role": role} for name, role in roles.items()]},
        "hyperparameters": {"epochs": "5", "optimizer": "SGD", "schedule": "Constant", "batchSize": "8"},
        "gates": [{"name": "floor", "floor": {"metric": "RMSE", "max": "100"}}],
    }
    made["evaluation"]["metrics"] = ["RMSE"]
    made["evaluation"]["byRatio"]["folds"] = 2
    rates = {"name": "learningRate", "values": ["1", "0.001"]}
    made["tuning"] = {"objective": "MAE", "parameters": [rates], "maxTrials": 2, "parallelTrials": 2}
    code, log = attempt(made, tmp_path)
    assert code == 0, log
    version = manifest.load(tmp_path / "store/models/shop/churn/versions/1", None)
    failed, won = sorted(trials_of(version), key=lambda trial: trial["state"] != "Failed")
    assert failed["reason"] == "TrainingDiverged"
    assert "the training diverged. Lower the hyperparameter learningRate" in failed["message"]
    assert (won["state"], won["hyperparameters"]) == ("Finished", {"learningRate": "0.001"})
    assert version.manifest.tuning["metric"] == "MAE"
    evaluation = json.loads(version.contents[manifest.EVALUATION])
    assert evaluation["validation"] == {"MAE": won["best"]}
    assert version.manifest.cross_validation["folds"] == 2, "the winner's hyperparameters hold for the folds"
    assert "RayTaskError" not in log
    assert f"It is trial {won['trial']} of 2, the best by MAE" in version.contents[manifest.MODEL_CARD].decode()

    made |= {"uid": "uid-2", "tuning": {**made["tuning"], "parameters": [{**rates, "values": ["1", "0.9"]}]}}
    code, log = attempt(made, tmp_path)
    assert code == 2, log
    told = json.loads((tmp_path / "termination").read_text())
    assert told["reason"] == "TuningFailed"
    assert told["message"].startswith("All 2 trials of spec.tuning failed. The first one (learningRate ")
    assert "the training diverged" in told["message"]


def attempt(document: dict[str, Any], folder: Path) -> tuple[int, str]:
    """Exit code and log of the trainer in a process of its own."""
    (folder / "run.json").write_text(json.dumps(document))
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workers"), "RECSYS_THREADS": "1"}
    command = [sys.executable, "-m", "recsys_workers.train"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=400)
    return done.returncode, done.stdout + done.stderr


def wait_for(trainer: Trainer, pattern: str) -> None:
    """Until the trainer's log has it."""
    end = time.monotonic() + 300
    while not re.search(pattern, trainer.text()):
        if trainer.process.poll() is not None or time.monotonic() > end:
            trainer.kill()
            pytest.fail(f"the trainer did not say {pattern!r}:\n{trainer.text()}")
        time.sleep(0.05)


@pytest.mark.full
def test_trials_of_a_run_with_several_workers_spread_and_both_take_the_winner_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_data(tmp_path / "data")
    (tmp_path / "store").mkdir()
    monkeypatch.setenv("RECSYS_WORKERS", "2")
    trainer = Trainer(tmp_path, "several", 1, **searched(3, 4, parallelTrials=2))
    assert trainer.wait() == 0, trainer.text()
    version = version_of(trainer)
    assert len(trials_of(version)) == 3
    assert trainer.text().count("continuing after epoch 4 of 4") == 2, trainer.text()
    best = max(trials_of(version), key=lambda trial: float(trial["best"]))
    assert json.loads(version.contents[manifest.EVALUATION])["validation"] == {"NDCG@10": best["best"]}
