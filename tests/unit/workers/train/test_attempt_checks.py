"""What is refused before Ray starts, with which reason and exit code; and how a failure is told to the kubelet."""

import json
from pathlib import Path
from typing import Any

import pytest

from recsys_workers import locations, manifest
from recsys_workers.train import checks, run_config, threads
from recsys_workers.train.__main__ import main
from recsys_workers.train.failure import AttemptFailed, write_termination_message
from recsys_workers.train.run_config import RunConfig

HEADER = "user_id:token\titem_id:token\ttimestamp:float\n"
ROWS = "".join(f"u{user}\ti{step}\t{step}\n" for user in range(3) for step in range(4))


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("RECSYS_PVC_ROOT", str(tmp_path))
    monkeypatch.setenv("RECSYS_TERMINATION_LOG", str(tmp_path / "termination"))
    monkeypatch.setenv("RECSYS_RUN_CONFIG", str(tmp_path / "run.json"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.inter").write_text(HEADER + ROWS)
    (tmp_path / "store").mkdir()
    return {
        "namespace": "shop",
        "name": "movies-1",
        "uid": "uid-1",
        "model": "movies",
        "task": "SequentialRecommendation",
        "architecture": "SASRec",
        "hyperparameters": {"epochs": "1"},
        "seed": 1,
        "dataset": {"uri": "pvc://data", "format": "RecBole", "digest": None},
        "schema": {
            "columns": [
                {"name": "user_id", "role": "User"},
                {"name": "item_id", "role": "Item"},
                {"name": "timestamp", "role": "Timestamp"},
            ]
        },
        "catalogue": None,
        "evaluation": {"protocol": "LeaveOneOut", "excludeSeen": True, "metrics": ["NDCG@10"]},
        "gates": [{"name": "floor", "floor": {"metric": "NDCG@10", "min": "0.1"}}],
        "storage": {"uri": "pvc://store/models"},
        "champion": None,
        "image": "trainer",
        "operatorVersion": "0.1.0",
    }


def outcome(document: dict[str, Any], folder: Path) -> tuple[int, str, str]:
    """Exit code, reason and message of `python -m recsys_workers.train`."""
    (folder / "run.json").write_text(json.dumps(document))
    code = main()
    told = json.loads((folder / "termination").read_text())
    assert set(told) == {"reason", "message"}
    return code, told["reason"], told["message"]


@pytest.mark.parametrize(
    ("path", "value", "reason", "said"),
    [
        (["hyperparameters"], {"epoch": "1"}, "InvalidHyperparameters", "did you mean epochs?"),
        (["architecture"], "BERT", "InvalidHyperparameters", "'BERT' does not exist"),
        (["schema", "columns", 1, "name"], "item", "InvalidData", "no column 'item'"),
        (["schema", "columns", 1, "role"], "User", "InvalidData", "the role User to both"),
        (["dataset", "uri"], "pvc://data/absent", "InvalidData", "does not exist"),
        (["dataset", "uri"], "s3://data", "InvalidRunConfig", "pvc://<claim>/<path>"),
        (["dataset", "uri"], "pvc://data/../store", "InvalidRunConfig", "contains '..'"),
        (["dataset", "format"], "Parquet", "InvalidData", "'Parquet' is not supported"),
        (["dataset", "digest"], "sha256:" + "0" * 64, "DatasetChanged", "start a new TrainingRun"),
        (["evaluation", "metrics"], ["MRR@10"], "InvalidEvaluation", "'MRR@10' does not exist"),
        (["evaluation", "protocol"], "TimeSplit", "InvalidEvaluation", "use LeaveOneOut"),
        (["gates"], [{"name": "x", "smell": {}}], "InvalidGate", "exactly one of"),
        (["task"], "Ranking", "InvalidRunConfig", "'Ranking' is not supported"),
        (["seed"], "one", "InvalidRunConfig", "run.json is wrong"),
    ],
)
def test_what_cannot_heal_exits_2_with_its_reason(
    document: dict[str, Any], tmp_path: Path, path: list[Any], value: Any, reason: str, said: str
) -> None:
    place: Any = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    code, found, message = outcome(document, tmp_path)
    assert (code, found) == (2, reason)
    assert said in message


def test_a_missing_key_of_run_json_is_named(document: dict[str, Any], tmp_path: Path) -> None:
    del document["storage"]
    assert outcome(document, tmp_path) == (2, "InvalidRunConfig", "run.json lacks the key 'storage'.")


def test_other_bytes_than_the_first_attempts_are_refused(document: dict[str, Any], tmp_path: Path) -> None:
    config = run_config.parse(document)
    config.run_folder.mkdir(parents=True)
    first = checks.data(config)
    assert checks.data(config).digest == first.digest
    (tmp_path / "data" / "x.inter").write_text(HEADER + ROWS + "u9\ti9\t9\n")
    code, reason, message = outcome(document, tmp_path)
    assert (code, reason) == (2, "DatasetChanged")
    assert f"the run's first attempt fixed {first.digest}" in message


def with_champion(document: dict[str, Any]) -> RunConfig:
    document["champion"] = {"version": 3, "digest": "sha256:" + "0" * 64}
    document["gates"].append({"name": "old", "champion": {"metric": "NDCG@10", "maxRegressionPercent": 5}})
    return run_config.parse(document)


def test_an_unreadable_champion_is_found_before_the_training_and_may_heal(document: dict[str, Any]) -> None:
    config = with_champion(document)
    with pytest.raises(AttemptFailed, match="ChampionUnreadable") as refused:
        checks.champion(config)
    assert refused.value.exit_code == 1
    (config.versions_folder / "3").mkdir(parents=True)
    (config.versions_folder / "3" / manifest.MANIFEST).write_text("{}")
    with pytest.raises(AttemptFailed, match="ChampionUnreadable"):
        checks.champion(config)


def test_a_champion_that_no_gate_asks_for_is_not_read(document: dict[str, Any]) -> None:
    with_champion(document)
    document["gates"].pop()
    checks.champion(run_config.parse(document))


def test_folders_of_a_run(document: dict[str, Any], tmp_path: Path) -> None:
    config = run_config.parse(document)
    assert config.run_folder == tmp_path / "store/models/shop/movies/runs/uid-1"
    assert config.versions_folder == tmp_path / "store/models/shop/movies/versions"
    assert locations.join(config.model_uri, "versions", "4") == "pvc://store/models/shop/movies/versions/4"


@pytest.mark.parametrize("text", ["x" * 10_000, "\u00e9\u4e16" * 5_000, '"\\' * 5_000])
def test_a_termination_message_fits_what_the_kubelet_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("RECSYS_TERMINATION_LOG", str(tmp_path / "log"))
    write_termination_message("TrainerError", text)
    data = (tmp_path / "log").read_bytes()
    assert len(data) <= 4096
    assert text.startswith(json.loads(data)["message"])


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "100000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, 4),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4),
        ({}, 4),
    ],
)
def test_threads_follow_the_pods_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], expected: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1, 2, 3})
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert threads.allowed({}, tmp_path) == expected
    assert threads.allowed({"RECSYS_THREADS": "3"}, tmp_path) == 3
