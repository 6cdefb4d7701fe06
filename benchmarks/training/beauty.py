"""The amazon-beauty data (McAuley et al., 2014, as S3-Rec prepared them).

sequences.txt has a line a user, `user item item …`; item_attributes.json has categories and brand of each item.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recsys_workers.data.attributes import Attribute, ItemAttributes, coded
from recsys_workers.data.interactions import Interactions
from recsys_workers.data.split import Split, leave_one_out

FILES = SEQUENCES, ATTRIBUTES = "sequences.txt", "item_attributes.json"
LEAST = 2
"""A value that one item has tells nothing that the item's own vector does not."""


@dataclass(frozen=True, slots=True)
class Beauty:
    """The data, split, and what tells them from others."""

    split: Split
    n_items: int
    users: int
    interactions: int
    digest: str
    attributes: ItemAttributes
    attributes_digest: str


def read(folder: Path, users: int | None) -> Beauty:
    """Read the first `users` users, or all."""
    data = (folder / SEQUENCES).read_bytes()
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
    beside = (folder / ATTRIBUTES).read_bytes()
    attributes = _attributes(json.loads(beside), everything.item_ids)
    return Beauty(split, len(ids), len(lines), len(flat), _digest(data), attributes, _digest(beside))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _attributes(told: dict[str, list[int]], item_ids: list[str]) -> ItemAttributes:
    pairs = [(index, value) for index, item in enumerate(item_ids, start=1) for value in told.get(item, [])]
    items, values = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    words, codes = np.unique(values, return_inverse=True)
    attribute = Attribute("attributes", items, codes, [str(word) for word in words], LEAST)
    return coded(len(item_ids), [attribute])[0]
