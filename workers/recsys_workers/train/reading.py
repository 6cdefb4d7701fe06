"""Reading the interactions of a run: in memory, or by way of the disk where they are too many for that."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from recsys_workers.data import streamed
from recsys_workers.data.blocks import Wanted
from recsys_workers.data.cleaning import Dropped, clean, require_for_interactions
from recsys_workers.data.errors import full_disk_told
from recsys_workers.data.files import DatasetFile, telling_of
from recsys_workers.data.interactions import Interactions, in_order
from recsys_workers.data.parts import rows_of
from recsys_workers.data.protocol import BY_COLUMN, split_by
from recsys_workers.data.raw import SPLIT
from recsys_workers.data.readers import read_columns, roles_of
from recsys_workers.data.report import Span, span_of
from recsys_workers.data.split import Split
from recsys_workers.data.store import scheme_of
from recsys_workers.data.types import types_of
from recsys_workers.train import prepared, ray_run, threads
from recsys_workers.train.run_config import RunConfig

LOGGER = logging.getLogger(__name__)
MOST_IN_MEMORY = 2_000_000
"""Rows; they take some 150 bytes each at the peak. More go by way of the disk, which takes about as long, and Ray."""


@dataclass(frozen=True, slots=True)
class Read:
    """The interactions, without their times and parts, which the split has used up."""

    dropped: Sequence[Dropped]
    interactions: Interactions
    split: Split
    protocol: Mapping[str, Any]
    """What the manifest says of the split."""
    span: Span


def read(config: RunConfig, files: Sequence[DatasetFile]) -> Read:
    """Read, clean and split. Raises InvalidData, and DiskFull for the pod's disk or the store's."""
    require_for_interactions(config.cleaning)
    roles = roles_of(config.schema, split=config.protocol.name == BY_COLUMN)
    wanted = Wanted(files, config.dataset.format, roles, config.cleaning, types_of(config.schema))
    if sum(rows_of(file.path, wanted.file_format) for file in files) > MOST_IN_MEMORY:
        return _streamed(config, wanted)
    drop_incomplete = config.cleaning.missing == "Drop"
    columns = read_columns(files, wanted.file_format, wanted.roles, types=wanted.types, drop_incomplete=drop_incomplete)
    with telling_of(wanted.paths, wanted.roles.values()):
        columns, dropped = clean(columns, config.cleaning)
    return _split(config, wanted, dropped, in_order(columns))


def _streamed(config: RunConfig, wanted: Wanted) -> Read:
    with TemporaryDirectory(prefix="rows-") as scratch:
        LOGGER.info("reading the dataset %s by way of the disk of %s", config.dataset.uri, scratch)
        with full_disk_told(lambda error: _full(config, Path(scratch), error)):
            with ray_run.session(threads.allowed(), ray_run.gpus_asked(), ray_run.workers_asked()):
                from recsys_workers.data import by_ray  # Ray reads its variables when it is imported.

                items = prepared.new_items(config.run_folder)
                # Closed before Ray is, also where a row is wrong: what Ray Data does at its end would start a new Ray.
                with closing(by_ray.blocks(wanted, here=bool(scheme_of(config.dataset.uri)))) as blocks:
                    dropped, interactions = streamed.interactions(blocks, wanted, Path(scratch), items)
            return _split(config, wanted, dropped, interactions)


def _split(config: RunConfig, wanted: Wanted, dropped: Sequence[Dropped], interactions: Interactions) -> Read:
    with telling_of(wanted.paths, wanted.roles.values()):
        split, protocol = split_by(config.protocol, interactions, wanted.roles.get(SPLIT, ""))
    span = span_of(interactions)
    used_up = replace(interactions, times=interactions.times[:0].copy(), parts=None)
    return Read(dropped, used_up, split, protocol, span)


def _full(config: RunConfig, scratch: Path, error: OSError) -> str:
    return (
        f"The rows of the dataset {config.dataset.uri} go by way of the disk, which has no room for them: {error}. "
        f"They need about 45 bytes each in {scratch.parent} of the pod (ask for a node with more by "
        "ray.resourcesPerWorker.ephemeralStorage), and 4 in the store."
    )
