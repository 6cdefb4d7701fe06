"""spec.initFrom before Ray starts: the version is found, verified, compared and kept; each refusal has its reason."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.workers.refusals import outcome
from tests.unit.workers.train.played import Training

from recsys_workers import manifest
from recsys_workers.manifest import FileEntry
from recsys_workers.train import axes, origin
from recsys_workers.train.__main__ import main
from recsys_workers.train.run_config import parse

Told = dict[str, Any]


@pytest.fixture
def begun(document: Told, training: Training, tmp_path: Path) -> Told:
    """run.json of a run that begins with version 1, which another run has made."""
    (tmp_path / "run.json").write_text(json.dumps(document))
    assert main() == 0
    return {**document, "uid": "uid-2", "name": "movies-2", "initFrom": {"version": 1, "digest": None}}


@pytest.fixture
def version(begun: Told) -> Path:
    """The folder of version 1, which may be written to."""
    folder = parse(begun).versions_folder / "1"
    for entry in folder.iterdir():
        entry.chmod(0o644)
    return folder


def ran(document: Told, folder: Path) -> int:
    (folder / "run.json").write_text(json.dumps(document))
    return main()


def changed(folder: Path, **fields: Any) -> None:
    """Publish the version anew with other fields in its manifest."""
    document = json.loads((folder / manifest.MANIFEST).read_text())
    (folder / manifest.MANIFEST).write_text(json.dumps({**document, **fields}))


def test_the_run_tells_the_version_that_it_began_with(
    begun: Told, version: Path, training: Training, tmp_path: Path
) -> None:
    digest = manifest.digest_of((version / manifest.MANIFEST).read_bytes())
    assert ran(begun, tmp_path) == 0
    expected = {"version": 1, "digest": digest}
    assert [told.get("initFrom") for told in training.told] == [None, expected]
    assert training.settings[1]["initFrom"] == expected
    second = manifest.load(version.parent / "2", None)
    assert second.manifest.init_from == expected
    assert "It began with the weights of version 1" in second.contents[manifest.MODEL_CARD].decode()
    assert ran(begun, tmp_path) == 0, "a retry of a run that has published"
    assert training.told[-1] == training.told[-2]


def test_known_items_are_found_by_id_wherever_they_stand(begun: Told, training: Training, tmp_path: Path) -> None:
    """The catalogue was i0 to i3; now there is no i0, and a2 comes before the others."""
    rows = "".join(
        f"u{user}\t{item}\t{time}\n" for user in range(3) for time, item in enumerate(("i1", "a2", "i3", "i2"))
    )
    (tmp_path / "data" / "x.inter").write_text("user_id:token\titem_id:token\ttimestamp:float\n" + rows)
    training.error = OSError("stopped")
    assert ran(begun, tmp_path) == 1
    found = axes.read(parse(begun).run_folder)[axes.ITEMS]
    items = sorted(("a2", "i1", "i2", "i3"))
    assert [(item, place) for item, place in zip(items, found.places.tolist(), strict=True)] == [
        ("a2", axes.NEW), ("i1", 1), ("i2", 2), ("i3", 3)
    ]  # fmt: skip
    assert (found.known, found.theirs) == (3, 4)


def test_a_later_attempt_goes_on_with_what_the_first_one_kept(
    begun: Told, version: Path, training: Training, tmp_path: Path
) -> None:
    training.error = OSError("the node is gone")
    assert ran(begun, tmp_path) == 1
    copy = parse(begun).run_folder / origin.FOLDER
    assert {entry.name for entry in copy.iterdir()} == {manifest.MANIFEST, manifest.WEIGHTS, manifest.ITEMS}
    shutil.rmtree(version)
    training.error = None
    assert ran(begun, tmp_path) == 0
    assert training.told[-1]["initFrom"]["version"] == 1
    assert not copy.exists()


@pytest.mark.parametrize("name", [manifest.ITEMS, manifest.WEIGHTS])
def test_what_an_attempt_kept_and_a_disk_spoiled_is_taken_anew(
    begun: Told, version: Path, training: Training, tmp_path: Path, name: str
) -> None:
    training.error = OSError("the node is gone")
    assert ran(begun, tmp_path) == 1
    kept = parse(begun).run_folder / origin.FOLDER / name
    kept.write_bytes(b"spoiled")
    assert ran(begun, tmp_path) == 1
    assert kept.read_bytes() == (version / name).read_bytes()


def test_what_an_attempt_kept_stays_where_it_only_cannot_be_read_now(
    begun: Told, version: Path, training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training.error = OSError("the node is gone")
    assert ran(begun, tmp_path) == 1
    shutil.rmtree(version)
    with monkeypatch.context() as patched:
        patched.setattr(manifest, "_verified", away)
        code, reason, message = outcome(begun, tmp_path)
    assert (code, reason) == (1, "InitFromUnreadable")
    assert "what the run keeps of version 1 cannot be read" in message
    training.error = None
    assert ran(begun, tmp_path) == 0


def away(_folder: Path, _entry: FileEntry) -> bytes:
    """As of a store that does not answer."""
    cause = OSError(5, "Input/output error")
    raise manifest.ArtifactError("weights.safetensors cannot be read (Input/output error).") from cause


def delete(folder: Path) -> None:
    for entry in folder.iterdir():
        entry.unlink()


def damage(folder: Path) -> None:
    (folder / manifest.WEIGHTS).write_bytes(b"other")


def age(folder: Path) -> None:
    """As a release made it that kept no weights."""
    document = json.loads((folder / manifest.MANIFEST).read_text())
    files = [entry for entry in document["files"] if entry["path"] != manifest.WEIGHTS]
    changed(folder, files=files)


def half(folder: Path) -> None:
    (folder / manifest.MANIFEST).unlink()


@pytest.mark.parametrize(
    ("harm", "reason", "said"),
    [
        (delete, "InitFromDeleted", "was deleted: nothing of it is left in pvc://store/models/shop/movies/versions/1"),
        (lambda folder: (folder / manifest.WEIGHTS).unlink(), "InitFromDeleted", "is not whole any more"),
        (damage, "InitFromDigestMismatch", "weights.safetensors has SHA-256"),
        (age, "InitFromWithoutWeights", "has no weights.safetensors, since it was made before versions kept them"),
        (half, "InitFromNotFound", "is not complete: no manifest.json is in"),
        (lambda folder: changed(folder, schemaVersion=9), "InitFromUnreadable", "schemaVersion 9; this image reads 1"),
        (lambda folder: changed(folder, model="songs"), "InitFromOtherModel", "holds version 1 of the model songs"),
        (lambda folder: changed(folder, version=7), "InitFromOtherModel", "holds version 7 of the model movies"),
    ],
)  # fmt: skip
def test_a_version_that_cannot_be_begun_with_is_refused(
    begun: Told, version: Path, training: Training, tmp_path: Path, harm: Callable[[Path], None], reason: str, said: str
) -> None:
    harm(version)
    code, found, message = outcome(begun, tmp_path)
    assert (code, found) == (2, reason)
    assert message.startswith("spec.initFrom: version 1 of the RecModel movies ")
    assert said in message
    assert training.calls == 1, "nothing was trained"


def test_a_version_that_does_not_exist_is_told_with_those_that_do(begun: Told, tmp_path: Path) -> None:
    begun["initFrom"]["version"] = 9
    code, reason, message = outcome(begun, tmp_path)
    assert (code, reason) == (2, "InitFromNotFound")
    assert message == "spec.initFrom: version 9 of the RecModel movies does not exist. There is 1: name one of these."


def test_where_nothing_was_ever_published_that_is_said(document: Told, training: Training, tmp_path: Path) -> None:
    code, reason, message = outcome({**document, "initFrom": {"version": 1, "digest": None}}, tmp_path)
    assert (code, reason) == (2, "InitFromNotFound")
    assert "There is no version yet: leave spec.initFrom out." in message


def test_a_version_that_the_recmodel_lists_and_the_store_has_not_was_deleted(begun: Told, tmp_path: Path) -> None:
    begun["initFrom"] = {"version": 3, "digest": "sha256:" + "0" * 64}
    code, reason, message = outcome(begun, tmp_path)
    assert (code, reason) == (2, "InitFromDeleted")
    assert "version 3 of the RecModel movies was deleted" in message


def test_a_version_that_the_recmodel_lists_and_whose_manifest_is_gone_was_deleted_too(
    begun: Told, version: Path, tmp_path: Path
) -> None:
    half(version)
    begun["initFrom"]["digest"] = "sha256:" + "0" * 64
    code, reason, message = outcome(begun, tmp_path)
    assert (code, reason) == (2, "InitFromDeleted")
    assert "was deleted: it has no manifest.json any more in pvc://store" in message


def test_other_bytes_than_the_recmodel_lists_are_refused(begun: Told, tmp_path: Path) -> None:
    begun["initFrom"]["digest"] = "sha256:" + "0" * 64
    code, reason, message = outcome(begun, tmp_path)
    assert (code, reason) == (2, "InitFromDigestMismatch")
    assert f"but sha256:{'0' * 64} was expected" in message


def test_a_store_that_cannot_be_read_may_heal(begun: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "_verified", away)
    code, reason, message = outcome(begun, tmp_path)
    assert (code, reason) == (1, "InitFromUnreadable")
    assert "Input/output error" in message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hyperparameters": {"hiddenSize": "32"}}, "the hyperparameter hiddenSize is 64 in version 1 and 32 in"),
        ({"hyperparameters": {"layers": "1", "maxLength": "9"}}, "1 in this run; the hyperparameter maxLength is 50"),
        ({"architecture": "BSARec"}, "spec.architecture.name is SASRec in version 1 and BSARec in this run"),
        (
            {"task": "Retrieval", "architecture": "BPRMF"},
            "spec.task is SequentialRecommendation in version 1 and Retrieval in this run; spec.architecture.name is",
        ),
    ],
)  # fmt: skip
def test_another_network_is_refused_with_the_difference(
    begun: Told, training: Training, tmp_path: Path, change: Told, said: str
) -> None:
    code, reason, message = outcome({**begun, **change}, tmp_path)
    assert (code, reason) == (2, "InitFromMismatch")
    assert said in message
    assert message.endswith(": make them the same, or leave spec.initFrom out to begin anew.")
    assert training.calls == 1


def test_what_changes_the_training_alone_may_change(begun: Told, training: Training, tmp_path: Path) -> None:
    begun["hyperparameters"] = {"epochs": "2", "learningRate": "0.01", "hiddenSize": "064", "dropout": "0.5"}
    begun["seed"] = 9
    assert ran(begun, tmp_path) == 0


def test_another_column_of_items_is_refused(begun: Told, version: Path, tmp_path: Path) -> None:
    columns = json.loads((version / manifest.MANIFEST).read_text())["schema"]
    changed(version, schema=[{**columns[1], "name": "sku"}, columns[0], {"name": "at", "role": "Timestamp"}])
    code, reason, message = outcome(begun, tmp_path)
    assert (code, reason) == (2, "InitFromMismatch")
    assert "schema.columns[sku] is Item in version 1 and absent in this run" in message
    assert "schema.columns[item_id] is absent in version 1 and Item in this run" in message
    assert "user_id" not in message
    assert "timestamp" not in message


def test_data_without_any_known_item_is_refused(begun: Told, training: Training, tmp_path: Path) -> None:
    data = tmp_path / "data" / "x.inter"
    data.write_text(re.sub(r"\ti(\d)", r"\tsku-\1", data.read_text()))
    code, reason, message = outcome(begun, tmp_path)
    assert (code, reason) == (2, "InitFromMismatch")
    assert "none of the 4 items, such as 'sku-0', is one of version 1, which has 4, such as 'i0'" in message


def test_weights_that_do_not_fit_end_the_run_for_good(begun: Told, training: Training, tmp_path: Path) -> None:
    class CannotBegin(ValueError):
        """As Ray's worker raises it."""

    training.error = CannotBegin("the tensor x is another one.")
    assert ran(begun, tmp_path) == 2
    told = json.loads((tmp_path / "termination").read_text())
    assert (told["reason"], told["message"]) == ("InitFromMismatch", "the tensor x is another one.")
