"""Where a dataset's files come from: a claim that the pod mounts, or an object store."""

from collections.abc import Iterator
from contextlib import contextmanager

from recsys_workers import locations
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.files import DatasetFile, list_files
from recsys_workers.data.store_answer import Store

S3 = "s3://"


def require_supported(uri: str) -> None:
    """Raise BadLocation unless the URI is one that `local_files` reads."""
    bucket = uri.removeprefix(S3).partition("/")[0]
    if not uri.startswith((S3, locations.SCHEME)) or not bucket:
        raise locations.BadLocation(
            f"The URI {uri!r} is not supported: it must look like pvc://<claim>/<path> or s3://<bucket>/<path>."
        )
    if uri.startswith(locations.SCHEME):
        locations.path_of(uri)


@contextmanager
def local_files(uri: str, file_format: str, store: Store) -> Iterator[list[DatasetFile]]:
    """The dataset's files in the order of their names: those on the claim, or copies of the objects while inside.

    Raises InvalidData when there is none, and what `object_store.copied` raises. What is found wrong in the files while
    inside names them as the user does, by the URI and not by where the pod has its claims.
    """
    if not uri.startswith(S3):
        path = locations.path_of(uri)
        try:
            yield list_files(path, file_format)
        except InvalidData as error:
            raise InvalidData(str(error).replace(str(path), uri.rstrip("/"))) from error
        return
    from recsys_workers.data import object_store

    with object_store.copied(uri, file_format, store) as files:
        yield files
