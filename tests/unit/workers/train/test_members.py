"""spec.ensemble.versions before anything is fused: members are found and fit together; each refusal has its reason."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.workers.refusals import outcome
from tests.unit.workers.train.played import Training

from recsys_workers import manifest
from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.train import axes, members
from recsys_workers.train.__main__ import main
from recsys_workers.train.failure import AttemptFailed
from recsys_workers.train.members import Member
from recsys_workers.train.run_config import parse

Told = dict[str, Any]


def made(document: Told, folder: Path, number: int, **changes: Any) -> None:
    """The next version, of a run that differs as told."""
    other = {**document, "uid": f"uid-{number}", "name": f"movies-{number}", **changes}
    (folder / "run.json").write_text(json.dumps(other))
    assert main() == 0


@pytest.fixture
def fusing(document: Told, training: Training, tmp_path: Path) -> Told:
    """run.json of a run that fuses versions 1 and 2, which other runs have made with seeds 1 and 2."""
    made(document, tmp_path, 1, seed=1)
    made(document, tmp_path, 2, seed=2)
    named = [{"version": number, "digest": None} for number in (1, 2)]
    ensemble = {"method": "Scores", "versions": named, "seeds": []}
    return {**document, "uid": "uid-3", "name": "movies-3", "ensemble": ensemble}


def folder_of(document: Told, number: int) -> Path:
    """The folder of a version, which may be written to."""
    folder = parse(document).versions_folder / str(number)
    for entry in folder.iterdir():
        entry.chmod(0o644)
    return folder


def changed(folder: Path, **fields: Any) -> None:
    """Publish the version anew with other fields in its manifest."""
    document = json.loads((folder / manifest.MANIFEST).read_text())
    (folder / manifest.MANIFEST).write_text(json.dumps({**document, **fields}))


def protocol_of(folder: Path, **fields: Any) -> None:
    """… with other fields in the manifest's protocol."""
    document = json.loads((folder / manifest.MANIFEST).read_text())
    changed(folder, protocol={**document["protocol"], **fields})


def data_of(folder: Path) -> None:
    """… as if it had learned from other bytes."""
    document = json.loads((folder / manifest.MANIFEST).read_text())
    changed(folder, dataset={**document["dataset"], "digest": "sha256:" + "0" * 64})


def columns_of(folder: Path, timestamp: str) -> None:
    """… as if the column of the times had been another one."""
    document = json.loads((folder / manifest.MANIFEST).read_text())
    columns = [
        {**column, "name": timestamp} if column["role"] == "Timestamp" else column for column in document["schema"]
    ]
    changed(folder, schema=columns)


@pytest.mark.parametrize(
    ("harm", "reason", "said"),
    [
        (shutil.rmtree, "EnsembleNotFound", "version 2 of the RecModel movies does not exist. There is 1: name one"),
        (
            lambda folder: (folder / manifest.MANIFEST).unlink(),
            "EnsembleNotFound",
            "version 2 of the RecModel movies is not complete",
        ),
        (
            lambda folder: (folder / manifest.WEIGHTS).write_bytes(b"other"),
            "EnsembleDigestMismatch",
            "is damaged. ",
        ),
        (
            lambda folder: (folder / manifest.MODEL).write_bytes(b"other"),
            "EnsembleDigestMismatch",
            "model.onnx has SHA-256",
        ),
        (
            lambda folder: changed(folder, files=[]),
            "EnsembleWithoutWeights",
            "has no weights.safetensors, since it was made before versions kept them",
        ),
        (
            lambda folder: changed(folder, files=[], ensemble={"method": "Scores", "seeds": [1, 2]}),
            "EnsembleWithoutWeights",
            "is an ensemble whose members run side by side, and has no weights of its own: name one of these.",
        ),
        (
            lambda folder: changed(folder, model="songs"),
            "EnsembleOtherModel",
            "holds version 2 of the model songs",
        ),
        (
            lambda folder: changed(folder, task="Retrieval"),
            "EnsembleMismatch",
            "spec.task is Retrieval in version 2 and SequentialRecommendation in this run.",
        ),
        (
            lambda folder: changed(folder, architecture="Wide"),
            "EnsembleMismatch",
            "this release cannot make version 2. The architecture 'Wide' does not exist",
        ),
        (
            lambda folder: columns_of(folder, "seen_at"),
            "EnsembleMismatch",
            "the column with the role Timestamp is seen_at (no unit) in version 2 and timestamp (no unit) in this run",
        ),
        (data_of, "EnsembleMismatch", f"version 2 was made from data with the digest sha256:{'0' * 64}, and this run"),
        (
            lambda folder: protocol_of(folder, cleaning={"missing": "Drop"}),
            "EnsembleMismatch",
            "protocol.cleaning is {'missing': 'Drop'} in version 2 and ",
        ),
        (
            lambda folder: protocol_of(folder, name="ByTime", testPercent=20),
            "EnsembleMismatch",
            "protocol.name is ByTime in version 2 and LeaveOneOut in this run; protocol.testPercent is 20 in version 2",
        ),
    ],
)  # fmt: skip
def test_a_version_that_cannot_be_a_member_is_refused(
    fusing: Told, training: Training, tmp_path: Path, harm: Callable[[Path], None], reason: str, said: str
) -> None:
    harm(folder_of(fusing, 2))
    code, found, message = outcome(fusing, tmp_path)
    assert (code, found) == (2, reason)
    assert message.startswith("spec.ensemble.versions: ")
    assert said in message
    assert training.calls == 2, "nothing was trained"


def test_another_digest_than_the_recmodel_lists_is_refused(fusing: Told, tmp_path: Path) -> None:
    fusing["ensemble"]["versions"][0]["digest"] = "sha256:" + "0" * 64
    code, reason, message = outcome(fusing, tmp_path)
    assert (code, reason) == (2, "EnsembleDigestMismatch")
    assert f"but sha256:{'0' * 64} was expected" in message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"hyperparameters": {"hiddenSize": "32"}},
            "the hyperparameter hiddenSize is 64 in version 1 and 32 in version 3, and the weights of two networks",
        ),
        ({"architecture": "BSARec"}, "spec.architecture.name is SASRec in version 1 and BSARec in version 3, and the"),
    ],
)
def test_weights_of_two_networks_are_refused(
    fusing: Told, document: Told, tmp_path: Path, change: Told, said: str
) -> None:
    made(document, tmp_path, 3, **change)
    ensemble = {"method": "Weights", "versions": [{"version": 1}, {"version": 3}]}
    code, reason, message = outcome({**fusing, "uid": "uid-4", "ensemble": ensemble}, tmp_path)
    assert (code, reason) == (2, "EnsembleMismatch")
    assert said in message
    assert "use spec.ensemble.method Scores" in message


@pytest.mark.parametrize(
    "ensemble",
    [
        {"method": "Votes", "versions": [{"version": 1}, {"version": 2}]},
        {"method": "Scores", "versions": [{"version": 1}]},
        {"method": "Scores", "versions": [{"version": 1}, {"version": 2}], "seeds": [1, 2]},
        {"method": "Scores"},
    ],
)
def test_a_snapshot_that_this_trainer_does_not_know_is_refused(fusing: Told, tmp_path: Path, ensemble: Told) -> None:
    code, reason, message = outcome({**fusing, "ensemble": ensemble}, tmp_path)
    assert (code, reason) == (2, "InvalidRunConfig")
    assert "ensemble" in message


def test_what_changes_neither_rows_nor_tests_may_differ(fusing: Told, tmp_path: Path) -> None:
    """Such as whether items that a user had are excluded; and the training, and the network of one graph."""
    protocol_of(folder_of(fusing, 2), excludeSeen=False, interval="another")
    config = parse(fusing)
    found = members.members(config)
    assert [member.number for member in found] == [1, 2]
    told, hyperparameters = members.fused_by(config, found)
    assert (told.architecture, told.seed) == ("SASRec", 1)
    assert hyperparameters.text == found[0].hyperparameters.text
    lineage = members.lineage(config, found)
    assert lineage is not None
    assert [(one["version"], one["seed"], one["run"]["name"]) for one in lineage["versions"]] == [
        (1, 1, "movies-1"), (2, 2, "movies-2")
    ]  # fmt: skip


def test_what_members_have_in_common_is_told_and_the_longest_lengths(
    fusing: Told, document: Told, tmp_path: Path
) -> None:
    made(document, tmp_path, 3, architecture="BSARec", hyperparameters={"maxLength": "20", "inputLength": "70"})
    fusing["ensemble"]["versions"] = [{"version": 3}, {"version": 1}]
    config = parse(fusing)
    told, hyperparameters = members.fused_by(config, members.members(config))
    assert told.architecture == "BSARec + SASRec"
    text = hyperparameters.text
    assert (text["maxLength"], text["inputLength"], text["hiddenSize"]) == ("50", "70", "64")
    assert "dropout" not in text, "0.5 and 0.2"


def test_a_name_that_only_one_has_is_told(fusing: Told) -> None:
    version = manifest.load(folder_of(fusing, 2), None)
    member = Member(version, Hyperparameters({}))
    theirs = ["a", "b", "c"]
    assert members.require_whole(axes.by_name(theirs, ["b", "c", "a"]), member, "items", theirs, ["b", "c", "a"])
    for ours, said in (
        (["a", "b", "new"], "this run has 3 items, and version 2 knows no 'new'"),
        (["b", "a"], "version 2 has 3 items, and this run has no 'c'"),
    ):
        with pytest.raises(AttemptFailed, match=said):
            members.require_whole(axes.by_name(theirs, ours), member, "items", theirs, ours)
