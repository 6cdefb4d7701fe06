"""Version numbers and published versions: taken once, whole or not at all, found again by a retry."""

import hashlib
import json
import multiprocessing
import threading
from dataclasses import replace
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from recsys_workers import manifest
from recsys_workers.manifest import FileEntry, Manifest
from recsys_workers.train import publish
from recsys_workers.train.failure import AttemptFailed
from recsys_workers.train.fence import Fence, Superseded

SPAWN = multiprocessing.get_context("spawn")
CONTENTS = {"model.onnx": b"graph", "items.json": b'{"items": ["a"], "popularity": [1]}'}


def describe(number: int, files: list[FileEntry]) -> Manifest:
    return Manifest(
        namespace="shop",
        model="movies",
        version=number,
        run={"name": "movies-1", "uid": "uid-1"},
        image="trainer",
        operator_version="0.1.0",
        task="SequentialRecommendation",
        architecture="SASRec",
        hyperparameters={},
        seed=1,
        dataset={},
        protocol={},
        metrics=[],
        gates=[],
        verdict="Passed",
        create_time="2026-01-01T00:00:00Z",
        max_length=50,
        input_length=50,
        top_k=1,
        files=files,
        schema=[],
    )


def fenced(folder: Path) -> Fence:
    """That of an attempt that nobody has followed."""
    (folder / publish.LOCK).write_text("this one\n")
    return Fence(folder / publish.LOCK, "this one\n")


def take_many(versions: Path, prefix: str, count: int, start: Event) -> None:
    start.wait()
    for index in range(count):
        publish.take_number(versions, f"{prefix}-{index}")


def test_two_processes_never_take_the_same_number(tmp_path: Path) -> None:
    start = SPAWN.Event()
    processes = [SPAWN.Process(target=take_many, args=(tmp_path, name, 25, start)) for name in ("left", "right")]
    for process in processes:
        process.start()
    start.set()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    owners = [json.loads((tmp_path / str(n) / manifest.OWNER).read_text())["runUid"] for n in range(1, 51)]
    assert sorted(owners) == sorted(f"{name}-{index}" for name in ("left", "right") for index in range(25))
    assert sorted(publish.numbers(tmp_path)) == list(range(1, 51))
    assert not list(tmp_path.glob(".claim-*"))


def test_a_retry_finds_its_own_number_and_others_do_not(tmp_path: Path) -> None:
    assert publish.take_number(tmp_path, "uid-1") == 1
    assert publish.take_number(tmp_path, "uid-1") == 1
    assert publish.take_number(tmp_path, "uid-2") == 2
    assert publish.take_number(tmp_path, "uid-1") == 1


@pytest.mark.parametrize("tombstone", ["file", "folder"])
def test_numbers_of_deleted_versions_are_not_taken_again(tmp_path: Path, tombstone: str) -> None:
    if tombstone == "file":
        (tmp_path / "7").write_text("deleted")
    else:
        (tmp_path / "7").mkdir()
    assert publish.take_number(tmp_path, "uid-1") == 8


def test_a_claim_that_a_killed_attempt_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / ".claim-uid-1").mkdir()
    (tmp_path / ".claim-uid-1" / "garbage").write_text("x")
    number = publish.take_number(tmp_path, "uid-1")
    assert [entry.name for entry in (tmp_path / str(number)).iterdir()] == [manifest.OWNER]


def test_a_published_version_can_be_verified_from_its_digest(tmp_path: Path) -> None:
    number, described, digest = publish.publish(tmp_path, "uid-1", CONTENTS, describe, fenced(tmp_path))
    version = manifest.load(tmp_path / str(number), digest)
    assert version.manifest == described
    assert version.contents == CONTENTS
    assert publish.published(tmp_path, "uid-1") == (number, described, digest)


def test_weights_are_read_and_verified_by_those_alone_who_ask_for_them(tmp_path: Path) -> None:
    contents = {**CONTENTS, manifest.WEIGHTS: b"weights"}
    number, _, digest = publish.publish(tmp_path, "uid-1", contents, describe, fenced(tmp_path))
    folder = tmp_path / str(number)
    assert manifest.load(folder, digest, {manifest.WEIGHTS}).contents == {manifest.WEIGHTS: b"weights"}
    (folder / manifest.WEIGHTS).chmod(0o644)
    (folder / manifest.WEIGHTS).write_bytes(b"other")
    assert manifest.load(folder, digest).contents == CONTENTS
    with pytest.raises(manifest.DigestMismatch, match=r"weights\.safetensors has SHA-256"):
        manifest.load(folder, digest, {manifest.WEIGHTS, "items.json"})


EVENTS = {"tensorboard/events.out.tfevents.1.pod": b"own", "tensorboard/trial-2/events.out.tfevents.2.pod": b"trial"}


def test_event_files_are_fixed_by_the_digest_and_nobody_reads_them_unasked(tmp_path: Path) -> None:
    contents = {**CONTENTS, **EVENTS}
    number, described, digest = publish.publish(tmp_path, "uid-1", contents, describe, fenced(tmp_path))
    folder = tmp_path / str(number)
    assert [entry.path for entry in described.files] == list(contents)
    assert manifest.load(folder, digest, EVENTS).contents == EVENTS
    (trial,) = (folder / "tensorboard" / "trial-2").iterdir()
    assert trial.stat().st_mode & 0o777 == 0o444
    trial.chmod(0o644)
    trial.write_bytes(b"other")
    assert manifest.load(folder, digest).contents == CONTENTS
    with pytest.raises(manifest.DigestMismatch, match="trial-2"):
        manifest.load(folder, digest, EVENTS)


def test_event_files_of_an_attempt_that_was_killed_while_it_published_are_replaced(tmp_path: Path) -> None:
    number, _, _ = publish.publish(tmp_path, "uid-1", {**CONTENTS, **EVENTS}, describe, fenced(tmp_path))
    folder = tmp_path / str(number)
    (folder / manifest.MANIFEST).unlink()
    (folder / "tensorboard" / "trial-2" / ".events.7.partial").write_bytes(b"half")
    (folder / "tensorboard" / "events.out.tfevents.1.pod").chmod(0o644)
    (folder / "tensorboard" / "events.out.tfevents.1.pod").write_bytes(b"half")
    again = {**CONTENTS, "tensorboard/events.out.tfevents.1.pod": b"own", "tensorboard/seed-1/events": b"seed"}
    publish.publish(tmp_path, "uid-1", again, describe, fenced(tmp_path))
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    assert found == {manifest.OWNER, manifest.MANIFEST, *again, "tensorboard", "tensorboard/seed-1"}
    assert (folder / "tensorboard" / "events.out.tfevents.1.pod").read_bytes() == b"own"


def test_a_manifest_of_before_weights_were_kept_is_read_and_others_must_be_whole() -> None:
    document = json.loads(manifest.encode(describe(1, [])))
    assert (document.pop("schema"), document.pop("initFrom")) == ([], None)
    assert manifest.decode(json.dumps(document).encode(), "it") == replace(describe(1, []), schema=())
    del document["task"]
    with pytest.raises(manifest.ArtifactError, match=r"it lacks task\."):
        manifest.decode(json.dumps(document).encode(), "it")


@pytest.mark.parametrize("name", ["model.onnx", "items.json", "manifest.json"])
def test_a_changed_byte_is_refused(tmp_path: Path, name: str) -> None:
    number, _, digest = publish.publish(tmp_path, "uid-1", CONTENTS, describe, fenced(tmp_path))
    path = tmp_path / str(number) / name
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(manifest.ArtifactError, match=name.replace(".", r"\.")):
        manifest.load(tmp_path / str(number), digest)


def test_nobody_may_write_what_is_published(tmp_path: Path) -> None:
    number, _, _ = publish.publish(tmp_path, "uid-1", CONTENTS, describe, fenced(tmp_path))
    modes = {entry.name: entry.stat().st_mode & 0o777 for entry in (tmp_path / str(number)).iterdir()}
    assert modes == dict.fromkeys([*CONTENTS, manifest.MANIFEST, manifest.OWNER], 0o444)


@pytest.mark.parametrize("path", ["../secret", "{folder}/../secret", "link"])
def test_a_manifest_that_names_a_file_of_another_folder_is_refused(tmp_path: Path, path: str) -> None:
    """… although its digest is right: who writes to a store must not have a server read what is beside it."""
    (tmp_path / "secret").write_bytes(b"token")
    folder = tmp_path / "1"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "secret")
    entry = FileEntry(path.format(folder=folder), hashlib.sha256(b"token").hexdigest(), len(b"token"))
    manifest.write_file(folder / manifest.MANIFEST, manifest.encode(describe(1, [entry])))
    with pytest.raises(manifest.ArtifactError, match="lies outside the version's folder"):
        manifest.load(folder, None)


@pytest.mark.parametrize("missing", ["manifest.json", "model.onnx", "items.json"])
def test_an_attempt_killed_while_writing_leaves_no_version_and_the_retry_makes_it_whole(
    tmp_path: Path, missing: str
) -> None:
    number, _, _ = publish.publish(tmp_path, "uid-1", CONTENTS, describe, fenced(tmp_path))
    folder = tmp_path / str(number)
    (folder / manifest.MANIFEST).unlink()
    (folder / missing).unlink(missing_ok=True)
    (folder / ".model.onnx.99.partial").write_bytes(b"half")
    assert publish.published(tmp_path, "uid-1") is None
    contents = {**CONTENTS, "model.onnx": b"other"}
    again, _, digest = publish.publish(tmp_path, "uid-1", contents, describe, fenced(tmp_path))
    assert again == number
    assert manifest.load(folder, digest).contents["model.onnx"] == b"other"
    assert not list(folder.glob(".*"))


def test_a_number_whose_owner_the_store_does_not_tell_for_a_moment_is_no_reason_to_take_another(tmp_path: Path) -> None:
    """Reading a process's memory at its first byte is an input/output error, as the kernel has it of a store too."""
    number = publish.take_number(tmp_path, "uid-1")
    owner = tmp_path / str(number) / manifest.OWNER
    aside = owner.rename(tmp_path / "aside")
    owner.symlink_to("/proc/self/mem")
    back = threading.Timer(1.5, aside.replace, (owner,))
    back.start()
    assert publish.take_number(tmp_path, "uid-1") == number
    back.join()


def test_two_pods_whose_processes_have_the_same_id_write_into_files_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "items.json"

    def meanwhile() -> None:
        manifest.write_file(path, b"of another")

    manifest.write_file(path, b"of one pod", meanwhile)
    assert path.read_bytes() == b"of one pod"
    assert [entry.name for entry in tmp_path.iterdir()] == ["items.json"]


def test_a_file_that_may_not_be_replaced_leaves_nothing_beside_it(tmp_path: Path) -> None:
    with publish.only_attempt(tmp_path) as old:
        (tmp_path / publish.LOCK).write_text("another's")
        with pytest.raises(Superseded):
            manifest.write_file(tmp_path / "items.json", b"older", old.require)
    assert [entry.name for entry in tmp_path.iterdir()] == [publish.LOCK]


def hold(run_folder: Path, held: Event, release: Event) -> None:
    with publish.only_attempt(run_folder):
        held.set()
        release.wait(60)


def test_a_second_attempt_is_kept_out_until_the_first_is_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "OVERLAP_SECONDS", 1.0)
    held, release = SPAWN.Event(), SPAWN.Event()
    first = SPAWN.Process(target=hold, args=(tmp_path, held, release))
    first.start()
    assert held.wait(60)
    with pytest.raises(AttemptFailed, match="AttemptOverlap") as refused, publish.only_attempt(tmp_path):
        pass
    assert refused.value.exit_code == 1
    first.kill()
    first.join(60)
    with publish.only_attempt(tmp_path):
        pass


def test_a_second_attempt_waits_for_the_first_to_end(tmp_path: Path) -> None:
    held, release = SPAWN.Event(), SPAWN.Event()
    first = SPAWN.Process(target=hold, args=(tmp_path, held, release))
    first.start()
    assert held.wait(60)
    threading.Timer(1.5, release.set).start()
    with publish.only_attempt(tmp_path) as second:
        assert release.is_set()
        second.require()
    first.join(60)


def test_an_attempt_that_lost_its_lock_finds_a_newer_one(tmp_path: Path) -> None:
    """As when a file server gives the lock of a client that was silent for too long to the next attempt's."""
    with publish.only_attempt(tmp_path) as old:
        old.require()
        (tmp_path / publish.LOCK).unlink()
        with publish.only_attempt(tmp_path) as new:
            new.require()
            assert not old.holds()
            with pytest.raises(Superseded, match="A newer attempt of this run has begun"):
                old.require()
    with publish.only_attempt(tmp_path) as third:
        third.require()
        assert not new.holds()


def test_an_attempt_that_wakes_up_takes_no_number_and_changes_no_byte_of_the_newer_ones_version(tmp_path: Path) -> None:
    lock, versions = tmp_path / "run", tmp_path / "versions"
    lock.mkdir()
    versions.mkdir()
    with publish.only_attempt(lock) as old:
        (lock / publish.LOCK).unlink()
        with publish.only_attempt(lock) as new:
            with pytest.raises(Superseded):
                publish.publish(versions, "uid-1", CONTENTS, describe, old)
            assert publish.numbers(versions) == []
            number, _, digest = publish.publish(versions, "uid-1", CONTENTS, describe, new)
        with pytest.raises(Superseded):
            publish.publish(versions, "uid-1", {**CONTENTS, "model.onnx": b"older"}, describe, old)
    assert manifest.load(versions / str(number), digest).contents == CONTENTS


def test_an_attempt_that_sleeps_before_its_manifest_makes_no_version(tmp_path: Path) -> None:
    with publish.only_attempt(tmp_path) as old:

        def describe_after_a_nap(number: int, files: list[FileEntry]) -> Manifest:
            (tmp_path / publish.LOCK).unlink()
            with publish.only_attempt(tmp_path):
                return describe(number, files)

        with pytest.raises(Superseded):
            publish.publish(tmp_path / "versions", "uid-1", CONTENTS, describe_after_a_nap, old)
    assert publish.published(tmp_path / "versions", "uid-1") is None


@pytest.mark.parametrize("hangs_in", ["fsync", "unlink"])
def test_an_attempt_that_a_store_held_while_it_wrote_changes_no_byte_of_the_newer_ones_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hangs_in: str
) -> None:
    """The file server gives the lock away because the call hangs, and answers once the newer attempt is through."""
    lock, versions = tmp_path / "run", tmp_path / "versions"
    lock.mkdir()
    number = publish.take_number(versions, "uid-1")
    for leftover in ("model.onnx", "items.json", ".items.json.7.partial"):
        (versions / str(number) / leftover).write_bytes(b"of a killed attempt")
    done: list[str] = []
    where = manifest.os if hangs_in == "fsync" else Path
    answers = getattr(where, hangs_in)

    def hang(*arguments: object, **others: object) -> None:
        if not done:
            done.append("begun")
            (lock / publish.LOCK).rename(lock / "given away")
            with publish.only_attempt(lock) as new:
                done.append(publish.publish(versions, "uid-1", CONTENTS, describe, new)[2])
        answers(*arguments, **others)

    with publish.only_attempt(lock) as old:
        monkeypatch.setattr(where, hangs_in, hang)
        with pytest.raises(Superseded):
            publish.publish(versions, "uid-1", dict.fromkeys(CONTENTS, b"older"), describe, old)
    assert manifest.load(versions / str(number), done[1]).contents == CONTENTS
