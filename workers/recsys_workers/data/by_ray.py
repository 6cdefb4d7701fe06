"""Blocks of interactions by `ray.data`: files are read and cleaned side by side, in Ray's processes."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import ray
from ray.data.block import BlockMetadata
from ray.data.datasource import Datasource, ReadTask
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from recsys_workers.data.blocks import Wanted, of_file

BLOCK_BYTES = 8 << 20


class Interactions(Datasource):
    """The files as Ray reads them: a task a file, which gives its blocks one after the other."""

    def __init__(self, wanted: Wanted) -> None:
        super().__init__()
        self.wanted = wanted

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
                BlockMetadata(num_rows=None, size_bytes=None, input_files=[str(file.path)], exec_stats=None),
            )
            for number, file in enumerate(self.wanted.files)
        ]


def blocks(wanted: Wanted, *, here: bool) -> Iterator[pa.Table]:
    """All blocks in row order. Ray must run; with `here` the files are on this node's own disk, and are read here."""
    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.target_max_block_size = BLOCK_BYTES
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    place = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False) if here else "SPREAD"
    rows = ray.data.read_datasource(
        Interactions(wanted),
        override_num_blocks=len(wanted.files),
        ray_remote_args={"scheduling_strategy": place, "max_retries": 0},
    )
    yield from rows.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=1)
