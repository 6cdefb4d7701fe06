"""What is refused before Ray starts, with which reason and exit code; and how a failure is told to the kubelet."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.workers.refusals import check_refusal, outcome

from recsys_workers import locations, manifest
from recsys_workers.train import attempt, checks, ray_run, run_config, threads
from recsys_workers.train.__main__ import main
from recsys_workers.train.failure import AttemptFailed, write_termination_message
from recsys_workers.train.run_config import RunConfig


@pytest.mark.parametrize(
    ("path", "value", "reason", "said"),
    [
        (["hyperparameters"], {"epoch": "1"}, "InvalidHyperparameters", "did you mean epochs?"),
        (["architecture"], "BERT", "InvalidHyperparameters", "'BERT' does not exist"),
        (["schema", "columns", 1, "name"], "item", "InvalidData", "pvc://data/x.inter has no column 'item'"),
        (["schema", "columns", 1, "role"], "User", "InvalidData", "the role User to both"),
        (["schema", "columns", 1, "type"], "Integer", "InvalidData", "which is not of the type Integer; so do"),
        (["dataset", "uri"], "pvc://data/absent/", "InvalidData", "The dataset pvc://data/absent does not exist"),
        (["dataset", "uri"], "http://data", "InvalidRunConfig", "pvc://<claim>/<path>, s3://<bucket>/<path> or gs"),
        (["dataset", "uri"], "s3:///x", "InvalidRunConfig", "'s3:///x' is not supported"),
        (["dataset", "uri"], "pvc://data/../store", "InvalidRunConfig", "contains '..'"),
        (["dataset", "format"], "ORC", "InvalidData", "not supported: use one of CSV, JSONLines, Parquet, RecBole"),
        (["dataset", "format"], "Parquet", "InvalidData", "holds no *.parquet file, which the format Parquet needs"),
        (["dataset", "format"], "JSONLines", "InvalidData", "holds no *.jsonl or *.ndjson file"),
        (["cleaning"], {"missing": "Ignore"}, "InvalidRunConfig", "cleaning is {'missing': 'Ignore'}"),
        (
            ["cleaning"],
            {"timeWindow": {"from": 9}},
            "InvalidData",
            "none of the 12 rows: timeWindow dropped 12. The times",
        ),
        (
            ["cleaning"],
            {"minUserInteractions": 5},
            "InvalidData",
            "none of the 12 rows: minInteractions dropped 12. Loos",
        ),
        (
            ["cleaning"],
            {"bounds": [{"column": "timestamp", "min": "3"}]},
            "InvalidData",
            "cleaning.bounds is for columns of numbers, which the tasks Tabular and Ranking have",
        ),
        (["dataset", "digest"], "sha256:" + "0" * 64, "DatasetChanged", "start a new TrainingRun"),
        (["evaluation", "metrics"], ["MAP@10"], "InvalidEvaluation", "'MAP@10' does not exist"),
        (
            ["evaluation", "protocol"],
            "TimeSplit",
            "InvalidEvaluation",
            "use LeaveOneOut or ByTime or ByRatio or ByColumn",
        ),
        (
            ["evaluation"],
            {"protocol": "ByRatio", "byRatio": {"folds": 5}, "metrics": ["NDCG@10"]},
            "InvalidEvaluation",
            "evaluation.byRatio.folds is for the tasks Tabular and Ranking: folds are dealt at random, so a model of",
        ),
        (["gates"], [{"name": "x"}], "InvalidGate", "exactly one of"),
        (["gates"], [{"name": "x", "smell": {}}], "InvalidRunConfig", "run.json has gates.smell, which this trainer"),
        (
            ["dataset", "users"],
            {"uri": "pvc://users"},
            "InvalidRunConfig",
            "has dataset.users, which this trainer",
        ),
        (["evaluation", "byRatio"], {"folds": 5, "repeats": 2}, "InvalidRunConfig", "has evaluation.byRatio.repeats,"),
        (
            ["warmUp"],
            True,
            "InvalidRunConfig",
            "is older than the operator, which is 0.1.0. Give the operator",
        ),
        (["task"], "SearchRelevance", "InvalidRunConfig", "'SearchRelevance' is not supported: use "),
        (
            ["task"],
            "Retrieval",
            "InvalidRunConfig",
            "is for the task SequentialRecommendation, not for Retrieval: use BPRMF or TwoTower, or a RecModel with",
        ),
        (["seed"], "one", "InvalidRunConfig", "run.json is wrong"),
        (
            ["tuning"],
            {"maxTrials": 2, "parameters": [{"name": "dropout", "min": "0", "max": "0.5", "scale": "Square"}]},
            "InvalidRunConfig",
            "the scale of dropout is 'Square': use Linear or Log",
        ),
    ],
)
def test_what_cannot_heal_exits_2_with_its_reason(
    document: dict[str, Any], tmp_path: Path, path: list[Any], value: Any, reason: str, said: str
) -> None:
    check_refusal(document, tmp_path, path, value, reason, said)


def test_a_missing_key_of_run_json_is_named(document: dict[str, Any], tmp_path: Path) -> None:
    del document["storage"]
    assert outcome(document, tmp_path) == (2, "InvalidRunConfig", "run.json lacks the key 'storage'.")


def test_an_unknown_key_that_is_null_asks_for_nothing(document: dict[str, Any]) -> None:
    assert run_config.parse({**document, "warmUp": None}) == run_config.parse(document)


def test_other_bytes_than_the_first_attempts_are_refused(document: dict[str, Any], tmp_path: Path) -> None:
    config = run_config.parse(document)
    config.run_folder.mkdir(parents=True)
    first = checks.data(config)
    assert checks.data(config).report == first.report
    with (tmp_path / "data" / "x.inter").open("a") as stream:
        stream.write("u9\ti9\t9\n")
    code, reason, message = outcome(document, tmp_path)
    assert (code, reason) == (2, "DatasetChanged")
    assert f"the run's first attempt fixed {first.report.digest}" in message


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


LINES = [f'  File "train.py", line {number}, in \u00e9 "' for number in range(500)]


@pytest.mark.parametrize("message", ["ValueError: no", "x" * 10_000, "\u4e16" * 5_000])
@pytest.mark.parametrize("last", ["ValueError: no", "y" * 3_000, "\u4e16" * 300])
def test_the_log_in_a_termination_message_loses_its_first_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, message: str, last: str
) -> None:
    monkeypatch.setenv("RECSYS_TERMINATION_LOG", str(tmp_path / "log"))
    write_termination_message("TrainerError", message, "\n".join([*LINES, last]) + "\n")
    data = (tmp_path / "log").read_bytes()
    assert len(data) <= 4096
    told = json.loads(data)
    assert message.startswith(told["message"])
    assert len(told["message"]) == len(message) or len(json.dumps(told["message"])) > 1500
    kept = told["log"].split("\n")
    if len(json.dumps(told["message"])) + len(json.dumps(last)) < 4000:
        assert len(kept) > 1
        assert [*LINES, last][-len(kept) :] == kept
        assert len(data) + len(json.dumps(LINES[0])) > 4096 - 20
    else:
        assert last.endswith(told["log"])
        assert told["log"]


@pytest.mark.parametrize("log", ["", "\n", "\ud800 \x00", "\n" * 10_000 + "end", "\x1b[36mend\x1b[0m"])
def test_an_odd_log_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: str) -> None:
    monkeypatch.setenv("RECSYS_TERMINATION_LOG", str(tmp_path / "log"))
    write_termination_message("TrainerError", "no", log)
    told = json.loads((tmp_path / "log").read_bytes())
    assert told["message"] == "no"
    assert told.get("log") in (None, "\ud800 \x00", "end")


def test_no_secret_is_left_in_a_termination_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSYS_TERMINATION_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("STORE_SECRET", "hunter22\n")
    log = "ValueError: Invalid header value b'Bearer abc.def'\nhunter22 eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOlt.c2ln end"
    write_termination_message("TrainerError", "hunter22 is wrong", log)
    assert json.loads((tmp_path / "log").read_bytes()) == {
        "reason": "TrainerError",
        "message": "[STORE_SECRET] is wrong",
        "log": "ValueError: Invalid header value b'[secret]\n[STORE_SECRET] [secret] end",
    }


def test_no_end_of_a_secret_is_left_that_begins_as_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSYS_TERMINATION_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("A_USER_KEY", "movies")
    monkeypatch.setenv("SHOP_TOKEN", "movies-8f3a9c")
    write_termination_message("TrainerError", "movies-8f3a9c of movies")
    assert json.loads((tmp_path / "log").read_bytes())["message"] == "[SHOP_TOKEN] of [A_USER_KEY]"


@pytest.mark.parametrize(
    ("quoted", "left"),
    [
        ("a {key} b", "a [RECSYS_GCS_KEY] b"),
        ("a {private} b", "a [secret]\n b"),
        ("found {parsed!r}", "found {{'type': 'service_account', 'private_key': '[secret]\\n'}}"),
        ("cut {private:.40}", "cut [secret]"),
        ("Authorization: ya29.a0Af_H6-S.Mx was refused", "Authorization: [secret] was refused"),
    ],
)
def test_no_part_of_a_key_of_google_cloud_is_left(
    quoted: str, left: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an object with the secret in one of its fields, and the tokens that it buys stand in no variable."""
    private = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END PRIVATE KEY-----\n"
    parsed = {"type": "service_account", "private_key": private}
    monkeypatch.setenv("RECSYS_TERMINATION_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("RECSYS_GCS_KEY", json.dumps(parsed, indent=2))
    said = quoted.format(key=json.dumps(parsed, indent=2), private=private, parsed=parsed)
    write_termination_message("TrainerError", said)
    assert json.loads((tmp_path / "log").read_bytes())["message"] == left.format()


def test_an_unexpected_error_leaves_the_end_of_its_traceback(
    document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_config: RunConfig) -> None:
        raise LookupError("nobody thought of this")

    monkeypatch.setattr(attempt, "run", broken)
    (tmp_path / "run.json").write_text(json.dumps(document))
    assert main() == 1
    told = json.loads((tmp_path / "termination").read_text())
    assert (told["reason"], told["message"]) == ("TrainerError", "LookupError: nobody thought of this")
    assert told["log"].splitlines()[0] == "Traceback (most recent call last):"
    assert told["log"].splitlines()[-1] == "LookupError: nobody thought of this"
    assert "in broken" in told["log"]


def test_an_error_of_the_training_leaves_what_ray_tells_of_it(
    document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snippet = "Training failed due to worker errors:\nTraceback (most recent call last):\nOSError: disk full"

    def broken(*_: Any) -> None:
        raise ray_run.TrainingFailed(OSError("disk full"), snippet)

    monkeypatch.setattr(ray_run, "fit", broken)
    (tmp_path / "run.json").write_text(json.dumps(document))
    assert main() == 1
    told = json.loads((tmp_path / "termination").read_text())
    assert told == {"reason": "TrainingFailed", "message": "disk full", "log": snippet}


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
