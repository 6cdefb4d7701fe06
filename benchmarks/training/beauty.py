"""The amazon-beauty sequences (McAuley et al., 2014, as S3-Rec prepared them): a line a user, `user item item …`."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recsys_workers.data.interactions import Interactions
from recsys_workers.data.split import Split, leave_one_out

FILE = "sequences.txt"


@dataclass(frozen=True, slots=True)
class Beauty:
    """The data, split, and what tells them from others."""

    split: Split
    n_items: int
    users: int
    interactions: int
    digest: str


def read(folder: Path, users: int | None) -> Beauty:
    """Read the first `users` users, or all."""
    data = (folder / FILE).read_bytes()
    lines = [line.split() for line in data.decode().splitlines()][:users]
    sequences = [np.array(line[1:], dtype=np.int64) for line in lines]
    flat = np.concatenate(sequences)
    ids, indices = np.unique(flat, return_inverse=True)
    offsets = np.cumsum([0, *map(len, sequences)]).astype(np.int64)
    order = np.arange(len(flat))  # The file has no times; its items stand in their order.
    everything = Interactions(
        user_ids=[line[0] for line in lines],
        item_ids=[str(item) for item in ids],
        items=(indices + 1).astype(np.int32),
        offsets=offsets,
        tied_users=0,
        times=order,
        timed=False,
    )
    split = leave_one_out(everything)
    return Beauty(split, len(ids), len(lines), len(flat), hashlib.sha256(data).hexdigest())
