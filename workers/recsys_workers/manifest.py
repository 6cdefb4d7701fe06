"""The artifact of one version: its manifest, its files and their digests.

A version is a folder `<storage>/<namespace>/<model>/versions/<N>`. `manifest.json` is written last, by an atomic
rename, so a folder without it is not a version. The version's digest is the SHA-256 of the manifest's bytes, and the
manifest holds the SHA-256 of every other file, so one digest fixes all bytes. Standard library only: the trainer
writes with it, the server verifies with it.
"""

import hashlib
import json
import os
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, BinaryIO

MANIFEST = "manifest.json"
OWNER = "owner.json"
MODEL = "model.onnx"
ITEMS = "items.json"
PREPROCESSING = "preprocessing.json"
DATA = "data.json"
EVALUATION = "evaluation.json"
MODEL_CARD = "model-card.md"
TUNING = "tuning.json"
"""Every trial of a search for hyperparameters; absent without one."""
WEIGHTS = "weights.safetensors"
"""What a later run may begin with. Nobody else reads it."""
TENSORBOARD = "tensorboard"
"""The folder with the event files of the run, for people; absent where there were none. No program reads it."""
SCHEMA_VERSION = 1
PARTIAL = ".partial"
"""How the name of a file ends that is not whole yet."""


class ArtifactError(Exception):
    """A version that cannot be used: incomplete, unreadable, or with other bytes than its digest says."""


class DigestMismatch(ArtifactError):
    """A file of the version holds other bytes than its digest says."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a version; `path` is relative to the version's folder, with slashes, `sha256` is bare hex."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What manifest.json says. Names are the JSON keys in snake case; numbers that are not counts are strings."""

    namespace: str
    model: str
    version: int
    run: Mapping[str, str]
    """name and uid of the TrainingRun."""
    image: str
    operator_version: str
    task: str
    architecture: str
    hyperparameters: Mapping[str, str]
    seed: int
    dataset: Mapping[str, Any]
    """uri, digest, and the counts users, items, interactions, rowsDropped, tiedUsers; of Tabular rows, rowsDropped,
    and of Ranking users and items besides."""
    protocol: Mapping[str, Any]
    """name, cleaning, excludeSeen and the exact rules under which `metrics` compare."""
    metrics: Sequence[Mapping[str, str]]
    """name, value, low, high."""
    gates: Sequence[Mapping[str, str]]
    verdict: str
    create_time: str
    max_length: int
    """The longest history that influences the scores; 0 for models of rows, which have none, and so the next two."""
    input_length: int
    """The history is left-padded with 0 to this length before it is scored; at least max_length."""
    top_k: int
    """How many items the graph returns: min(100, number of items)."""
    files: Sequence[FileEntry]
    schema: Sequence[Mapping[str, Any]] = ()
    """The columns of the RecModel's schema; of versions with weights only, as everything below."""
    init_from: Mapping[str, Any] | None = None
    """version and digest of the version whose weights the training began with."""
    cross_validation: Mapping[str, Any] = field(default_factory=dict)
    """folds, and metrics with name, mean, standardDeviation and the folds' values; empty where there was none."""
    tuning: Mapping[str, Any] = field(default_factory=dict)
    """The search whose winner this is: trials, endedEarly, failed, metric, best, bestTrial, the hyperparameters that it
    found, and the parameters of the space; empty where there was none."""
    ensemble: Mapping[str, Any] | None = None
    """method, and versions (each with version, digest, architecture, seed, run and initFrom) or the seeds that the run
    trained with; of a version that was fused of several models."""
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class Items:
    """items.json. The model's index of `items[i]` is i + 1 (0 is padding); `popularity[i]` counts its interactions."""

    items: list[str]
    popularity: list[int]


@dataclass(frozen=True, slots=True)
class Version:
    """A verified version: the manifest, its digest, and of the files that were read the bytes that were verified."""

    manifest: Manifest
    digest: str
    contents: Mapping[str, bytes]

    def items(self) -> Items:
        """The item vocabulary."""
        return parse_items(self.contents[ITEMS])


def digest_of(data: bytes) -> str:
    """`sha256:<hex>` of the bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def encode(manifest: Manifest) -> bytes:
    """The bytes of manifest.json: keys in camel case and in the order of the dataclass, then a line feed."""
    record = asdict(manifest)
    document = {"schemaVersion": record.pop("schema_version")}
    for name in ("cross_validation", "tuning", "ensemble"):
        if not record[name]:
            del record[name]
    document.update({_camel(name): value for name, value in record.items()})
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def decode(data: bytes, where: str) -> Manifest:
    """Parse manifest.json; `where` names the file in errors.

    Unknown keys are ignored. Missing ones are errors, but for those that versions of before do not have.
    """
    try:
        document = json.loads(data)
    except ValueError as error:
        raise ArtifactError(f"{where} is not JSON: {error}.") from error
    if not isinstance(document, dict):
        raise ArtifactError(f"{where} is not a JSON object.")
    if document.get("schemaVersion") != SCHEMA_VERSION:
        raise ArtifactError(
            f"{where} has schemaVersion {document.get('schemaVersion')!r}; this image reads {SCHEMA_VERSION} only."
        )
    given = [one for one in fields(Manifest) if _camel(one.name) in document]
    missing = [
        _camel(one.name)
        for one in fields(Manifest)
        if one not in given and one.default is MISSING and one.default_factory is MISSING
    ]
    if missing:
        raise ArtifactError(f"{where} lacks {', '.join(missing)}.")
    values = {one.name: document[_camel(one.name)] for one in given}
    try:
        values["files"] = [FileEntry(entry["path"], entry["sha256"], entry["size"]) for entry in values["files"]]
    except (KeyError, TypeError) as error:
        raise ArtifactError(f"{where}: every entry of files needs path, sha256 and size.") from error
    return Manifest(**values)


def parse_items(data: bytes) -> Items:
    """Parse items.json."""
    document = json.loads(data)
    items = Items(items=document["items"], popularity=document["popularity"])
    if len(items.items) != len(items.popularity):
        raise ArtifactError(f"{ITEMS} has {len(items.items)} items but {len(items.popularity)} popularity counts.")
    return items


def encode_items(items: Items) -> bytes:
    """The bytes of items.json."""
    return (json.dumps(asdict(items), ensure_ascii=False) + "\n").encode()


def load(folder: Path, digest: str | None, only: Collection[str] | None = None) -> Version:
    """Read a version and verify every byte that is read. Files are read once: what was verified is what is returned.

    `digest` is the expected `sha256:<hex>` of manifest.json; None accepts any manifest (its files are verified
    anyway). `only` these files are read; when it is None, all but the weights and the event files, which servers and
    judges have no use for. Raises ArtifactError with a sentence that names the file.
    """
    manifest_path = folder / MANIFEST
    try:
        data = manifest_path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{manifest_path} cannot be read ({error.strerror}): is the version complete?") from error
    found = digest_of(data)
    if digest is not None and found != digest:
        raise DigestMismatch(f"{manifest_path} has digest {found} but {digest} was expected: refusing to load it.")
    manifest = decode(data, str(manifest_path))
    read = [entry for entry in manifest.files if (_of_use(entry.path) if only is None else entry.path in only)]
    return Version(manifest, found, {entry.path: _verified(folder, entry) for entry in read})


def _of_use(path: str) -> bool:
    return path != WEIGHTS and not path.startswith(f"{TENSORBOARD}/")


def _verified(folder: Path, entry: FileEntry) -> bytes:
    path = folder / entry.path
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ArtifactError(f"The manifest names {entry.path!r}, which lies outside the version's folder.")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read ({error.strerror}) but the manifest names it.") from error
    found = hashlib.sha256(data).hexdigest()
    if found != entry.sha256:
        raise DigestMismatch(f"{path} has SHA-256 {found} but the manifest says {entry.sha256}: refusing to load it.")
    return data


def write_file(path: Path, data: bytes, require: Callable[[], None] = lambda: None) -> FileEntry:
    """Write a file atomically and durably (temporary name, fsync, rename, fsync of the folder).

    `require` is as in `replaced`.
    """
    with replaced(path, require) as stream:
        stream.write(data)
    return FileEntry(path.name, hashlib.sha256(data).hexdigest(), len(data))


def new_partial(path: Path) -> Path:
    """A temporary name beside `path` that is nobody else's: process ids are the same in many pods."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}{PARTIAL}")


@contextmanager
def replaced(path: Path, require: Callable[[], None] = lambda: None) -> Iterator[BinaryIO]:
    """What to write into; at the end of the block it has the name, and nothing is left of it where that raises.

    `require` is called right before what is under this name is replaced, and raises where that may not be.
    """
    partial = new_partial(path)
    try:
        with partial.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        require()
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames and creations in a folder survive a crash."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
