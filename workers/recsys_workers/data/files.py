"""Which files a dataset URI names, and the digest of their bytes."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from recsys_workers.data.errors import DatasetChanged, InvalidData, reached

RECBOLE = "RecBole"
RECBOLE_ITEMS = "RecBole item"
"""The item table among RecBole's atomic files; no value of a spec."""
SUFFIXES = {
    RECBOLE: (".inter",),
    RECBOLE_ITEMS: (".item",),
    "CSV": (".csv",),
    "Parquet": (".parquet",),
    "JSONLines": (".jsonl", ".ndjson"),
}
CHUNK = 1 << 20
LOST_AND_FOUND = "lost+found"
"""A folder that some file systems have at their root, and that nobody but root may read."""


@dataclass(frozen=True, slots=True)
class DatasetFile:
    """One file of a dataset; `name` is its path relative to the dataset's folder, with `/` as separator."""

    name: str
    path: Path


def list_files(root: Path, file_format: str) -> list[DatasetFile]:
    """The dataset's files in name order: `root` itself, or every file of the format under the folder `root`.

    Raises InvalidData, also for a folder that may not be read, and StoreUnreachable.
    """
    suffixes = suffixes_of(file_format)
    with reached(root):
        if root.is_file():
            return [DatasetFile(root.name, root)]
        if not root.exists():
            raise InvalidData(f"The dataset {root} does not exist: check spec.dataset.uri and what its volume holds.")
        found = sorted(
            (path.relative_to(root).as_posix(), path)
            for folder, _, names in os.walk(root, onerror=_not_listed)
            for path in (Path(folder, name) for name in names if name.endswith(suffixes))
            if path.is_file()
        )
    if not found:
        raise none_of(file_format, root)
    return [DatasetFile(name, path) for name, path in found]


def _not_listed(error: OSError) -> None:
    """Raise the error: what is in the folder would be left out without a word."""
    if not (isinstance(error, PermissionError) and Path(error.filename).name == LOST_AND_FOUND):
        raise error


def named(paths: Sequence[Path]) -> str:
    """The files in a message: the first one, and how many there are besides."""
    return str(paths[0]) if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"


@contextmanager
def telling_of(paths: Sequence[Path], names: Iterable[str]) -> Iterator[None]:
    """Put the files and their columns before what is found wrong inside with all rows together."""
    try:
        yield
    except InvalidData as error:
        columns = ", ".join(repr(name) for name in names)
        raise InvalidData(f"{named(paths)}, columns {columns}: {error}") from error


def suffixes_of(file_format: str) -> tuple[str, ...]:
    """How names of files of a format end; raises InvalidData for a format that there is not."""
    if file_format not in SUFFIXES:
        known = ", ".join(sorted(SUFFIXES.keys() - {RECBOLE_ITEMS}))
        raise InvalidData(f"The dataset format {file_format!r} is not supported: use one of {known}.")
    return SUFFIXES[file_format]


def none_of(file_format: str, folder: Path | str) -> InvalidData:
    """What to raise for a folder without a file of the format."""
    wanted = " or ".join(f"*{suffix}" for suffix in SUFFIXES[file_format])
    return InvalidData(f"The dataset folder {folder} holds no {wanted} file, which the format {file_format} needs.")


def digest_of_files(files: list[DatasetFile]) -> str:
    """`sha256:<hex>` of the sorted list of (path, size, sha256), one line each: `<path>\\t<size>\\t<hex>\\n`.

    Raises InvalidData for a file that may not be read, and StoreUnreachable.
    """
    lines = []
    for file in sorted(files, key=lambda entry: entry.name):
        content = hashlib.sha256()
        size = 0
        with reached(file.path), file.path.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                content.update(chunk)
                size += len(chunk)
        lines.append(f"{file.name}\t{size}\t{content.hexdigest()}\n")
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


def require_digest(found: str, expected: str | None, fixed_by: str) -> None:
    """Raise DatasetChanged when an expected digest is known and differs; `fixed_by` says who fixed it."""
    if expected is not None and expected != found:
        raise DatasetChanged(
            f"The dataset has digest {found} but {fixed_by} fixed {expected}: "
            "restore the files, or start a new TrainingRun for the new ones."
        )
