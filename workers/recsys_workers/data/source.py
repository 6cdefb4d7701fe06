"""Where a dataset's files come from: a claim that the pod mounts, or an object store."""

from collections.abc import Iterator
from contextlib import contextmanager

from recsys_workers import locations
from recsys_workers.data.errors import InvalidData, StoreUnreachable
from recsys_workers.data.files import DatasetFile, list_files
from recsys_workers.data.store import Store, scheme_of


def require_supported(uri: str) -> None:
    """Raise BadLocation unless the URI is one that `local_files` reads."""
    scheme = scheme_of(uri)
    if (not scheme and not uri.startswith(locations.SCHEME)) or not uri.removeprefix(scheme).partition("/")[0]:
        raise locations.BadLocation(
            f"The URI {uri!r} is not supported: it must look like pvc://<claim>/<path>, s3://<bucket>/<path> or "
            "gs://<bucket>/<path>."
        )
    if not scheme:
        locations.path_of(uri)


@contextmanager
def local_files(uri: str, file_format: str, store: Store) -> Iterator[list[DatasetFile]]:
    """The dataset's files in the order of their names: those on the claim, or copies of the objects while inside.

    Raises InvalidData when there is none, StoreUnreachable, and what `object_store.copied` raises. What is found wrong
    in the files while inside names them as the user does, by the URI and not by where the pod has its claims.
    """
    if not scheme_of(uri):
        path = locations.path_of(uri)
        try:
            yield list_files(path, file_format)
        except (InvalidData, StoreUnreachable) as error:
            raise type(error)(str(error).replace(str(path), uri.rstrip("/"))) from error
        return
    from recsys_workers.data import object_store

    with object_store.copied(uri, file_format, store) as files:
        yield files
