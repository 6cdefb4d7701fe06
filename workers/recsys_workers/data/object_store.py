"""Datasets in an object store: which objects an `s3://` or `gs://` URI names, and copies of them.

How a store is reached and what its answers mean is in recsys_workers.data.s3 and gcs.
"""

import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

import pyarrow as pa  # type: ignore[import-untyped]
from pyarrow import fs

from recsys_workers.data import gcs, s3
from recsys_workers.data.errors import DatasetChanged, DiskFull, InvalidData, full_disk_told
from recsys_workers.data.files import DatasetFile, none_of, suffixes_of
from recsys_workers.data.store import Store, scheme_of

LOGGER = logging.getLogger(__name__)
PROTOCOLS = {s3.SCHEME: s3, gcs.SCHEME: gcs}
CHUNK = 8 << 20
STREAMS = 4
"""Copies side by side; their memory is STREAMS chunks, whatever the dataset's size."""


@dataclass(frozen=True, slots=True)
class _Object:
    """`name` is relative to the dataset's folder, `path` begins with the bucket."""

    name: str
    path: str
    size: int
    changed: int


@contextmanager
def copied(uri: str, file_format: str, store: Store) -> Iterator[list[DatasetFile]]:
    """Copies of the dataset's objects in a temporary folder, in the order of their names; removed at the end.

    A copy bears its object's name, so the digest is that of the same files on a claim. Raises what `failure` makes of
    the store's answers, DiskFull (may heal), and DatasetChanged when objects changed meanwhile. What an InvalidData
    that is raised inside says of a copy, it says of the object.
    """
    scheme = scheme_of(uri)
    protocol = PROTOCOLS[scheme]
    with TemporaryDirectory(prefix="dataset-") as folder:
        try:
            with protocol.connected(store, Path(folder)) as remote:
                objects = _listed(remote, uri, file_format, protocol.read)
                files = _copies(remote, objects, Path(folder), uri)
                now = _listed(remote, uri, file_format, protocol.read)
            if now != objects:
                raise DatasetChanged(f"Objects of the dataset {uri} changed while they were read: start another run.")
        except (OSError, pa.ArrowException) as error:
            if not protocol.answered(error):
                raise
            raise protocol.failure(error, uri, store) from error
        try:
            yield files
        except InvalidData as error:
            text = str(error)
            for file, found in zip(files, objects, strict=True):
                text = text.replace(str(file.path), scheme + found.path)
            raise InvalidData(text) from error


def _listed(
    remote: fs.FileSystem, uri: str, file_format: str, read: Callable[[Exception], s3.Answer | gcs.Answer | None]
) -> list[_Object]:
    """The one object of this key, or those of the format below it as a folder, in the order of their names."""
    path, suffixes = uri.removeprefix(scheme_of(uri)), suffixes_of(file_format)
    try:
        whole = remote.get_file_info(path)
    except (OSError, pa.ArrowException) as error:
        answer = read(error)
        if answer is None or not answer.denied:
            raise
        whole = None  # a HEAD is denied without a reason; the list says it, or is allowed
    if whole is not None and whole.type == fs.FileType.File:
        return [_Object(whole.base_name, path, whole.size, whole.mtime_ns)]
    found = [
        _Object(info.path[len(path) + 1 :], info.path, info.size, info.mtime_ns)
        for info in remote.get_file_info(fs.FileSelector(path, recursive=True))
        if info.type == fs.FileType.File and info.path.endswith(suffixes)
    ]
    if not found:
        raise none_of(file_format, uri)
    return sorted(found, key=lambda one: one.name)


def _copies(remote: fs.FileSystem, objects: Sequence[_Object], folder: Path, uri: str) -> list[DatasetFile]:
    size, room = sum(one.size for one in objects), shutil.disk_usage(folder).free
    held = f"{len(objects)} {'file' if len(objects) == 1 else 'files'} with {size / 1e6:.1f} MB"
    full = (
        f"The dataset {uri} is {held}, for which the disk of {folder.parent} has no room ({room / 1e6:.1f} MB were "
        "left): ask for a node with more by ray.resourcesPerWorker.ephemeralStorage."
    )
    if size > room:
        raise DiskFull(full)
    LOGGER.info("copying the dataset %s: %s", uri, held)
    # A key may hold what no file's name can, so copies are numbered.
    files = [DatasetFile(one.name, folder / f"{number:09d}.data") for number, one in enumerate(objects)]
    stop = Event()

    def copy(one: _Object, file: DatasetFile) -> None:
        with remote.open_input_stream(one.path) as source, file.path.open("wb") as copied:
            while not stop.is_set() and (chunk := source.read(CHUNK)):
                copied.write(chunk)

    with full_disk_told(lambda _: full), ThreadPoolExecutor(STREAMS) as pool:
        try:
            list(pool.map(copy, objects, files))
        finally:
            stop.set()  # whatever ended it: the others need not go on
    return files
