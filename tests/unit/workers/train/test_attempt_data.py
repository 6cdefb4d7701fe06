"""What a run's data looks like in its version, its status and its files; the training itself is played."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.workers.train.played import Training

from recsys_operator.api.trainingrun import RunResult
from recsys_workers import manifest
from recsys_workers.data.readers import Columns, read_columns
from recsys_workers.evaluate import protocol
from recsys_workers.train import reading, verified
from recsys_workers.train.__main__ import main
from recsys_workers.train.run_config import parse

DIRTY = "u0\ti0\t0\nu9\ti9\t1\n\ti1\t2\nu1\ti1\t900\n"


def published(document: dict[str, Any], folder: Path) -> manifest.Version:
    """The version of a run of this document, whose manifest and evaluation name one protocol."""
    (folder / "run.json").write_text(json.dumps(document))
    assert main() == 0
    version = manifest.load(parse(document).versions_folder / "1", None)
    assert version.manifest.protocol == json.loads(version.contents[manifest.EVALUATION])["protocol"]
    return version


def test_cleaning_stands_in_the_report_the_protocol_the_card_and_the_status(
    document: dict[str, Any], run_folder: Path, training: Training, tmp_path: Path
) -> None:
    with (tmp_path / "data" / "x.inter").open("a") as stream:
        stream.write(DIRTY)
    rules = {"missing": "Drop", "timeWindow": {"to": 100}, "duplicates": "KeepFirst", "minItemInteractions": 2}
    document["cleaning"] = rules
    (tmp_path / "run.json").write_text(json.dumps(document))
    assert main() == 0
    version = manifest.load(parse(document).versions_folder / "1", None)
    found = json.loads(version.contents[manifest.DATA])
    digest = version.manifest.dataset["digest"]
    assert found == {
        "dataset": {"uri": "pvc://data", "format": "RecBole", "digest": digest},
        "rowsRead": 16,
        "cleaning": rules,
        "dropped": [
            {"rule": "missing", "rows": 1},
            {"rule": "timeWindow", "rows": 1},
            {"rule": "duplicates", "rows": 1},
            {"rule": "minInteractions", "rows": 1, "rounds": 2},
        ],
        "rows": 12,
        "users": 3,
        "items": 4,
        "tiedUsers": 0,
        "timeRange": {"first": "0", "last": "3"},
    }
    assert version.manifest.protocol["cleaning"] == rules
    assert json.loads(version.contents[manifest.EVALUATION])["protocol"]["cleaning"] == rules
    assert "Cleaning dropped 4 rows" in version.contents[manifest.MODEL_CARD].decode()
    (told,) = training.told
    assert told["dataset"] == {
        "digest": digest,
        "users": 3,
        "items": 4,
        "interactions": 12,
        "rowsDropped": 4,
        "tiedUsers": 0,
    }


def test_without_cleaning_nothing_is_dropped(document: dict[str, Any], run_folder: Path, training: Training) -> None:
    assert main() == 0
    version = manifest.load(parse(document).versions_folder / "1", None)
    assert json.loads(version.contents[manifest.DATA])["dropped"] == []
    assert version.manifest.protocol["cleaning"] == {}
    assert "Nothing was dropped from it." in version.contents[manifest.MODEL_CARD].decode()
    assert training.told[0]["dataset"]["rowsDropped"] == 0


def test_a_split_by_time_stands_beside_the_figures(
    document: dict[str, Any], run_folder: Path, training: Training, tmp_path: Path
) -> None:
    document["evaluation"] |= {"protocol": "ByTime", "byTime": {"validationPercent": 25, "testPercent": 25}}
    document["gates"] = [{"name": "floor", "floor": {"metric": "NDCG@10", "min": "0.1"}}]
    version = published(document, tmp_path)
    protocol = version.manifest.protocol
    assert {
        key: protocol[key] for key in ("name", "validationPercent", "testPercent", "validationFrom", "testFrom")
    } == {
        "name": "ByTime",
        "validationPercent": 25,
        "testPercent": 25,
        "validationFrom": "2",
        "testFrom": "3",
    }
    assert (protocol["evaluatedUsers"], protocol["evaluatedTargets"], protocol["testWithoutHistory"]) == (3, 3, 0)
    card = version.contents[manifest.MODEL_CARD].decode()
    assert "ByTime (validationFrom 2, testFrom 3): rows from testFrom on test" in card
    assert training.told[0]["protocol"].startswith("ByTime (validationFrom 2, testFrom 3): rows from testFrom on test")


def test_the_status_says_under_which_rules_the_figures_compare(
    document: dict[str, Any], run_folder: Path, training: Training
) -> None:
    assert main() == 0
    (told,) = training.told
    RunResult.model_validate(told)
    assert told["protocol"] == (
        "LeaveOneOut: of users with 3 or more rows the last one tests, the one before validates; the others train; "
        "3 targets of 3 users, all items ranked, items that the user had excluded, tied scores counted against the "
        "model, a metric at k by the first k items of a list; intervals: 95 %, normal over users."
    )
    version = manifest.load(parse(document).versions_folder / "1", None)
    assert told["protocol"] in version.contents[manifest.MODEL_CARD].decode()


def test_what_the_status_says_of_the_rules_fits_it_and_is_not_made_up(
    document: dict[str, Any], run_folder: Path, training: Training
) -> None:
    assert main() == 0
    made = manifest.load(parse(document).versions_folder / "1", None).manifest
    (room,) = (one.max_length for one in RunResult.model_fields["protocol"].metadata if hasattr(one, "max_length"))
    long = protocol.of_status(replace(made, protocol={**made.protocol, "split": "x" * 2000}))
    assert long is not None
    assert (len(long), long[-1]) == (room, "…")
    short = {key: value for key, value in made.protocol.items() if key != "evaluatedTargets"}
    assert protocol.of_status(replace(made, protocol=short)) is None, "as of a version that an earlier release made"


def test_a_split_by_ratio_stands_beside_the_figures(
    document: dict[str, Any], run_folder: Path, training: Training, tmp_path: Path
) -> None:
    document["evaluation"] |= {"protocol": "ByRatio", "byRatio": {"validationPercent": 25, "testPercent": 25}}
    version = published(document, tmp_path)
    protocol = version.manifest.protocol
    assert {
        key: protocol[key] for key in ("name", "validationPercent", "testPercent", "evaluatedTargets", "order")
    } == {
        "name": "ByRatio",
        "validationPercent": 25,
        "testPercent": 25,
        "evaluatedTargets": 3,
        "order": "timestamp, then row number",
    }
    card = version.contents[manifest.MODEL_CARD].decode()
    assert "ByRatio: of each user's rows in the order of time the last 25 % test, the 25 % before them validate" in card
    assert "row order decides there what comes last" in card


def test_a_split_by_a_column_stands_beside_the_figures(
    document: dict[str, Any], run_folder: Path, training: Training, tmp_path: Path
) -> None:
    parts = ("train", "train", "validation", "test")
    rows = [f"u{user}\ti{step}\t{step}\t{parts[step]}" for user in range(3) for step in range(4)]
    header = "user_id:token\titem_id:token\ttimestamp:float\tpart:token"
    (tmp_path / "data" / "x.inter").write_text("\n".join([header, *rows, "u0\ti0\t3\tvalidation"]) + "\n")
    document["schema"]["columns"].append({"name": "part", "role": "Split"})
    document["evaluation"] |= {"protocol": "ByColumn"}
    version = published(document, tmp_path)
    protocol = version.manifest.protocol
    assert {key: protocol[key] for key in ("name", "evaluatedTargets", "testWithoutHistory", "order")} == {
        "name": "ByColumn",
        "evaluatedTargets": 3,
        "testWithoutHistory": 0,
        "order": "timestamp, then part, then row number",
    }
    card = version.contents[manifest.MODEL_CARD].decode()
    assert "ByColumn: as the column part says: train, validation, test; a target's history is all" in card
    assert "The last timestamp of 1 users (33.3333 %) is tied; the part, then row order decides there what" in card


def test_a_split_by_time_that_leaves_a_part_empty_ends_the_run(
    document: dict[str, Any], run_folder: Path, tmp_path: Path
) -> None:
    document["evaluation"]["protocol"] = "ByTime"
    (tmp_path / "run.json").write_text(json.dumps(document))
    assert main() == 2
    told = json.loads((tmp_path / "termination").read_text())
    assert told["reason"] == "InvalidData"
    assert "ByTime cuts the 12 rows at 3 and 3: 9 lie before, 0 between" in told["message"]


def test_data_that_changes_while_it_is_read_ends_the_run(
    run_folder: Path, training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """… so that no version names the digest of other bytes than it learned from."""

    def written_to(*arguments: Any, **options: Any) -> Columns:
        with (tmp_path / "data" / "x.inter").open("a") as stream:
            stream.write("u0\ti0\t9\n")
        return read_columns(*arguments, **options)

    monkeypatch.setattr(reading, "read_columns", written_to)
    assert main() == 2
    assert not training.told
    told = json.loads((tmp_path / "termination").read_text())
    assert told["reason"] == "DatasetChanged"
    assert "the start of this attempt fixed" in told["message"]
    assert not (run_folder / verified.DIGEST_FILE).exists(), "the next attempt is not held to half of it"
