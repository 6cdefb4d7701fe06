"""Datasets in an object store that speaks S3: which objects a `s3://bucket/path` names, and copies of them.

Credentials are whatever the SDK finds in the pod: AWS_ACCESS_KEY_ID and its like, which the kubelet sets from the
Secret that the run names, else the identity of the pod or of its node. They are no argument here, so none can end up in
a message.
"""

import errno
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from pyarrow import fs  # type: ignore[import-untyped]

from recsys_workers.data.errors import DatasetChanged, DiskFull, InvalidData
from recsys_workers.data.files import DatasetFile, none_of, suffixes_of
from recsys_workers.data.store_answer import Store, failure, read

LOGGER = logging.getLogger(__name__)
SCHEME = "s3://"
CERTIFICATES = "RECSYS_STORE_CERTIFICATES"
"""Variable with certificates (PEM) that the store's own is checked against, instead of the image's."""
CONNECT_SECONDS, SILENT_SECONDS, ATTEMPTS = 5, 8, 3
"""A store that is silent is given up after about ATTEMPTS times SILENT_SECONDS."""
CHUNK = 8 << 20
STREAMS = 4
"""Copies side by side; their memory is STREAMS chunks, whatever the dataset's size."""
FULL = {errno.ENOSPC, errno.EDQUOT}


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
    with TemporaryDirectory(prefix="dataset-") as folder:
        try:
            remote = _connected(store, Path(folder))
            objects = _listed(remote, uri, file_format)
            files = _copies(remote, objects, Path(folder), uri)
            if _listed(remote, uri, file_format) != objects:
                raise DatasetChanged(f"Objects of the dataset {uri} changed while they were read: start another run.")
        except OSError as error:
            if error.errno is not None and not isinstance(error, FileNotFoundError):
                raise  # of this machine, not of the store
            raise failure(error, uri, store) from error
        try:
            yield files
        except InvalidData as error:
            text = str(error)
            for file, found in zip(files, objects, strict=True):
                text = text.replace(str(file.path), SCHEME + found.path)
            raise InvalidData(text) from error


def _connected(store: Store, folder: Path) -> fs.S3FileSystem:
    address = {}
    if store.endpoint is not None:
        scheme, _, host = store.endpoint.partition("://")
        address = {"scheme": scheme, "endpoint_override": host}
    if certificates := os.environ.get(CERTIFICATES):
        trusted = folder / "ca.crt"
        trusted.write_text(certificates)
        address["tls_ca_file_path"] = str(trusted)
    return fs.S3FileSystem(
        region=store.region,
        connect_timeout=CONNECT_SECONDS,
        request_timeout=SILENT_SECONDS,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
        **address,
    )


def _listed(remote: fs.S3FileSystem, uri: str, file_format: str) -> list[_Object]:
    """The one object of this key, or those of the format below it as a folder, in the order of their names."""
    path, suffixes = uri.removeprefix(SCHEME), suffixes_of(file_format)
    try:
        whole = remote.get_file_info(path)
    except OSError as error:
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


def _copies(remote: fs.S3FileSystem, objects: Sequence[_Object], folder: Path, uri: str) -> list[DatasetFile]:
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

    try:
        with ThreadPoolExecutor(STREAMS) as pool:
            try:
                list(pool.map(copy, objects, files))
            finally:
                stop.set()  # whatever ended it: the others need not go on
    except OSError as error:
        if error.errno in FULL:
            raise DiskFull(full) from error
        raise
    return files
