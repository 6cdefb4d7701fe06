"""Reading the files of a run, which must hold what its spec and its first attempt fixed."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from recsys_workers import manifest
from recsys_workers.data.errors import DatasetChanged, DiskFull, InvalidData, StoreRefused, StoreUnreachable
from recsys_workers.data.files import RECBOLE, RECBOLE_ITEMS, DatasetFile, digest_of_files, require_digest
from recsys_workers.data.source import local_files
from recsys_workers.data.store import Store
from recsys_workers.train.failure import AttemptFailed
from recsys_workers.train.run_config import Dataset, ItemTable
from recsys_workers.train.store import waited_for

PATIENCE_SECONDS = 600.0
"""How long an attempt waits for a store that gave the files to an earlier one."""

DIGEST_FILE = "dataset.digest"
ITEMS_DIGEST_FILE = "items.digest"

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Files:
    """Files that a run reads. `recorded` is where the digest is kept that its first attempt fixed."""

    uri: str
    format: str
    store: Store
    digest: str | None
    field: str
    """Where the spec names them."""
    recorded: Path


def of_dataset(dataset: Dataset, run_folder: Path) -> Files:
    """The interactions, or the rows."""
    return Files(dataset.uri, dataset.format, dataset.store, dataset.digest, "dataset", run_folder / DIGEST_FILE)


def of_items(items: ItemTable, store: Store, run_folder: Path) -> Files:
    """The item table; of a folder with RecBole's atomic files it is the *.item."""
    file_format = RECBOLE_ITEMS if items.format == RECBOLE else items.format
    return Files(items.uri, file_format, store, items.digest, "dataset.items", run_folder / ITEMS_DIGEST_FILE)


def verified(wanted: Files, read: Callable[[list[DatasetFile]], Found]) -> tuple[str, Found]:
    """The digest of the files, and what `read` makes of them.

    The digest must agree with the spec's and with the first attempt's, and be the same after the reading. Raises
    AttemptFailed, also for the InvalidData that `read` raises.
    """
    try:
        with _reached(wanted) as files:
            return _verified(wanted, files, read)
    except DatasetChanged as error:
        raise AttemptFailed("DatasetChanged", _told(wanted, error), heals=False) from error
    except InvalidData as error:
        raise AttemptFailed("InvalidData", _told(wanted, error), heals=False) from error
    except StoreRefused as error:
        raise AttemptFailed("DatasetRefused", _told(wanted, error), heals=False) from error
    except StoreUnreachable as error:
        raise AttemptFailed("DatasetUnreachable", _told(wanted, error), heals=True) from error
    except DiskFull as error:
        raise AttemptFailed("DiskFull", _told(wanted, error), heals=True) from error


@contextmanager
def _reached(wanted: Files) -> Iterator[list[DatasetFile]]:
    """What `local_files` yields. A store that gave the files to an earlier attempt, and is away now, is waited for.

    One that never did may be another than was meant, which the first attempt says at once.
    """
    patience = PATIENCE_SECONDS if wanted.recorded.exists() else 0.0
    with ExitStack() as stack:
        yield waited_for(
            lambda: stack.enter_context(local_files(wanted.uri, wanted.format, wanted.store)),
            "given the data",
            "the store of the data",
            patience,
            lambda error: isinstance(error, StoreUnreachable),
        )


def _verified(wanted: Files, files: list[DatasetFile], read: Callable[[list[DatasetFile]], Found]) -> tuple[str, Found]:
    digest = digest_of_files(files)
    require_digest(digest, wanted.digest, f"the TrainingRun's {wanted.field}.digest")
    if wanted.recorded.exists():
        require_digest(digest, wanted.recorded.read_text().strip(), "the run's first attempt")
    found = read(files)
    # The files may have changed between the digest and the reading.
    require_digest(digest_of_files(files), digest, "the start of this attempt")
    manifest.write_file(wanted.recorded, f"{digest}\n".encode())
    return digest, found


def _told(wanted: Files, error: Exception) -> str:
    """What was found wrong, by the name and the field of these files: most of the checks speak of the dataset."""
    if wanted.field == "dataset":
        return str(error)
    text = re.sub(r"\b([Tt])he dataset(?= )", r"\1he item table", str(error))
    return re.sub(r"\bdataset\.uri\b", f"{wanted.field}.uri", text)
