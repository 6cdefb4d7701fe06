"""The loop that is compared with: 100 → 64 → 1 in plain torch, which reads one row group of a Parquet file a step.

It is what a first program looks like: each step fetches its rows from the file, makes a tensor of them, and takes a
step of Adam. Rows come in the order of the file, which was written in random order.
"""

from pathlib import Path

import numpy as np
import torch
from benchmarks.tabular.clocks import Steps, Time
from pyarrow import parquet  # type: ignore[import-untyped]
from torch import nn
from torch.nn import functional


class Reference:
    """The network, and the file that it learns from."""

    def __init__(self, file: Path, features: list[str], width: int, learning_rate: float, seed: int) -> None:
        torch.manual_seed(seed)
        self.file, self.features = file, features
        self.model = nn.Sequential(nn.Linear(len(features), width), nn.ReLU(), nn.Linear(width, 1))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=learning_rate)
        self.steps = Steps()

    def epoch(self) -> float:
        """Every row group once; returns the mean loss."""
        rows = parquet.ParquetFile(self.file)
        last, total = Time.now(), 0.0
        for group in range(rows.num_row_groups):
            numbers, labels = self._rows(rows, group)
            self.optimizer.zero_grad()
            loss = functional.binary_cross_entropy_with_logits(self.model(numbers)[:, 0], labels)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            total += loss.item()
            now = Time.now()
            self.steps.times.append(now - last)
            last = now
        return total / float(rows.num_row_groups)

    def accuracy(self, file: Path) -> float:
        """On all rows of a file."""
        rows = parquet.ParquetFile(file)
        right = 0
        with torch.no_grad():
            for group in range(rows.num_row_groups):
                numbers, labels = self._rows(rows, group)
                right += int(((self.model(numbers)[:, 0] > 0) == (labels > 0)).sum())
        return float(right / rows.metadata.num_rows)

    def _rows(self, rows: parquet.ParquetFile, group: int) -> tuple[torch.Tensor, torch.Tensor]:
        table = rows.read_row_group(group)
        numbers = np.column_stack([table[name].to_numpy() for name in self.features])
        return torch.from_numpy(numbers), torch.from_numpy(table["label"].to_numpy().astype(np.float32))
