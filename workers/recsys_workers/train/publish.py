"""Taking a version number and publishing a version: whole or not at all, once a run.

A number belongs to who creates `versions/<N>`. The folder is made under a hidden name with owner.json in it and then
renamed to its number: renaming onto a folder that is not empty fails, so taking a number and signing it is one atomic
step that only one run can win. A retry of the run finds its signature and continues there. Numbers are never reused.
"""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from recsys_workers import manifest
from recsys_workers.manifest import ArtifactError, FileEntry, Manifest
from recsys_workers.train import fence, store
from recsys_workers.train.failure import AttemptFailed
from recsys_workers.train.fence import Fence

LOCK = fence.LOCK
OVERLAP_SECONDS = 45.0
"""A pod that was asked to stop has 30 s for it."""
LOOK_SECONDS = 0.5


@contextmanager
def only_attempt(run_folder: Path) -> Iterator[Fence]:
    """Hold the run for this process; the kernel lets go of it when the process dies, however it dies.

    A pod whose Job somebody deleted overlaps with the next Job's for the time that it has to end, which is waited for.
    Raises AttemptFailed (may heal) when the other one is still alive after that. The fence that it gives tells later
    whether the lock was given to another one meanwhile.
    """
    with (run_folder / LOCK).open("a") as lock:
        _take(lock)
        yield fence.signed(lock, run_folder / LOCK)


def _take(lock: TextIO) -> None:
    until = time.monotonic() + OVERLAP_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= until:
                text = f"Another pod of this run still holds {lock.name}, after {OVERLAP_SECONDS:g} s."
                raise AttemptFailed("AttemptOverlap", text, heals=True) from error
            time.sleep(LOOK_SECONDS)
        else:
            return


def published(versions: Path, run_uid: str) -> tuple[int, Manifest, str] | None:
    """The version that this run published, as (number, manifest, digest); None when it has not, or not wholly.

    Raises AttemptFailed where it cannot be read, which may heal unless the version is damaged.
    """
    number = owned(versions, run_uid)
    if number is None or not (versions / str(number) / manifest.MANIFEST).exists():
        return None
    try:
        version = manifest.load(versions / str(number), None)
    except ArtifactError as error:
        cause = error.__cause__
        heals = isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError)
        text = f"Version {number}, which an earlier attempt of this run published, cannot be read: {error}"
        more = "" if heals else " Make another TrainingRun."
        raise AttemptFailed("VersionUnreadable", text + more, heals=heals) from error
    return number, version.manifest, version.digest


def owned(versions: Path, run_uid: str) -> int | None:
    """The number whose owner.json names this run; raises StoreUnreachable where the store does not say."""
    for number in sorted(numbers(versions)):
        file = versions / str(number) / manifest.OWNER
        try:
            owner = json.loads(store.patiently(file.read_text, f"given {file}"))
        except (OSError, ValueError):
            continue
        if owner.get("runUid") == run_uid:
            return number
    return None


def numbers(versions: Path) -> list[int]:
    """Every number that is taken, tombstones and unfinished versions included."""
    return [int(entry.name) for entry in versions.iterdir() if entry.name.isascii() and entry.name.isdecimal()]


def take_number(versions: Path, run_uid: str) -> int:
    """This run's number: the one it has, or the next one."""
    versions.mkdir(parents=True, exist_ok=True)
    number = owned(versions, run_uid)
    if number is not None:
        return number
    claim = versions / f".claim-{run_uid}"
    shutil.rmtree(claim, ignore_errors=True)
    claim.mkdir()
    manifest.write_file(claim / manifest.OWNER, (json.dumps({"runUid": run_uid}) + "\n").encode())
    number = max(numbers(versions), default=0) + 1
    while not _rename(claim, versions / str(number)):
        number += 1
    manifest.sync_folder(versions)
    return number


def _rename(claim: Path, target: Path) -> bool:
    try:
        claim.rename(target)
    except OSError:
        if target.exists():
            return False
        raise
    return True


def publish(
    versions: Path,
    run_uid: str,
    contents: Mapping[str, bytes],
    describe: Callable[[int, list[FileEntry]], Manifest],
    fence: Fence,
) -> tuple[int, Manifest, str]:
    """Write a version's files, then its manifest; returns (number, manifest, digest).

    `contents` are files by their paths in the version's folder, `describe(number, files)` makes the manifest. What an
    attempt that was killed left in the folder is replaced. Raises Superseded before the next file is touched where a
    newer attempt has the run: each write may hang in the store.
    """
    fence.require()
    number = take_number(versions, run_uid)
    folder = versions / str(number)
    # What has a name of the version is replaced in one step: deleting it late would take it from a newer attempt.
    named = {manifest.OWNER, manifest.MANIFEST, *contents}
    folders = {parent.as_posix() for name in contents for parent in Path(name).parents} - {"."}
    for leftover in sorted(folder.rglob("*"), reverse=True):  # what is in a folder before the folder
        if leftover.relative_to(folder).as_posix() not in named | folders:
            fence.require()
            _remove(leftover)
    for name in sorted(folders):
        (folder / name).mkdir(exist_ok=True)
        manifest.sync_folder((folder / name).parent)
    files = [
        replace(manifest.write_file(folder / name, data, fence.require), path=name) for name, data in contents.items()
    ]
    described = describe(number, files)
    data = manifest.encode(described)
    manifest.write_file(folder / manifest.MANIFEST, data, fence.require)
    for name in [*contents, manifest.MANIFEST, manifest.OWNER]:
        os.chmod(folder / name, 0o444)  # noqa: PTH101
    return number, described, manifest.digest_of(data)


def _remove(leftover: Path) -> None:
    if leftover.is_dir() and not leftover.is_symlink():
        leftover.rmdir()
    else:
        leftover.unlink(missing_ok=True)
