"""Blocks of interactions by `ray.data`: files are read and cleaned side by side, in Ray's processes."""

from collections.abc import Generator
from functools import partial
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import ray
from ray.data.block import BlockMetadata
from ray.data.datasource import Datasource, ReadTask

from recsys_workers.data.blocks import Wanted, of_file

BLOCK_BYTES = 8 << 20
PROCESSES = 2
"""That read on each node: each takes some 200 MB, whatever it reads."""


class Interactions(Datasource):
    """The files as Ray reads them: a task a file, which gives its blocks one after the other."""

    def __init__(self, wanted: Wanted, *, here: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.wanted = wanted
        self.here = here

    @property
    def supports_distributed_reads(self) -> bool:
        """Whether other nodes than the driver's see the files."""
        return not self.here

    def estimate_inmemory_data_size(self) -> int | None:
        """Nobody needs to know: the number of tasks is that of the files."""
        return None

    def get_read_tasks(
        self, parallelism: int, per_task_row_limit: int | None = None, data_context: Any = None
    ) -> list[ReadTask]:
        """A task for each file, whatever the parallelism."""
        return [
            ReadTask(
                partial(of_file, self.wanted, number),
                BlockMetadata(num_rows=None, size_bytes=None, exec_stats=None, input_files=(str(file.path),)),
            )
            for number, file in enumerate(self.wanted.files)
        ]


def blocks(wanted: Wanted, *, here: bool) -> Generator[pa.Table, None, None]:
    """All blocks in row order. Ray must run; with `here` the files are on this node's own disk, and are read here."""
    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.target_max_block_size = BLOCK_BYTES
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    rows = ray.data.read_datasource(
        Interactions(wanted, here=here),
        override_num_blocks=len(wanted.files),
        concurrency=PROCESSES * (1 if here else _nodes()),
    )
    yield from rows.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=1)


def _nodes() -> int:
    return sum(node["Alive"] for node in ray.nodes())  # type: ignore[no-untyped-call]
