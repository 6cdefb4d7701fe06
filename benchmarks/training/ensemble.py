"""Several seeds of one configuration as one exported graph, which gives the mean of their scores."""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from benchmarks.training import run
from benchmarks.training.run import Job, figures, trained

from recsys_workers.models.ensemble import MeanScores


def key(members: Sequence[Job]) -> str:
    """The same for the same members."""
    told = ["mean of scores", *sorted(member.key for member in members)]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def seeds(members: Sequence[Job]) -> str:
    """As they stand in a result."""
    return " + ".join(str(member.seed) for member in members)


def result_of(name: str, members: Sequence[Job], result: Mapping[str, Any]) -> bool:
    """Whether a result is of these members, with hyperparameters that came after it at their defaults."""
    if result.get("ensemble") != members[0].name or (result["name"], result["seed"]) != (name, seeds(members)):
        return False
    return run.result_of(members[0], {**result, "name": members[0].name, "seed": members[0].seed})


def ranked(name: str, members: Sequence[Job], state: Path, *, read_test: bool) -> dict[str, Any]:
    """Export the members whose weights `state` holds as one graph, and rank by it; returns the result."""
    first = members[0]
    torch.set_num_threads(first.threads)
    length = first.hyperparameters.integer("maxLength")
    began = time.perf_counter(), time.process_time()
    model = MeanScores([(trained(member, state), length) for member in members]).eval()
    shown = figures(first, model, read_test=read_test)
    clock, processor = time.perf_counter() - began[0], time.process_time() - began[1]
    return {
        "key": key(members),
        "name": name,
        "architecture": first.architecture,
        "hyperparameters": dict(first.hyperparameters.text),
        "ensemble": first.name,
        "seed": seeds(members),
        "members": [member.key for member in members],
        "users": first.beauty.users,
        "data": first.beauty.digest,
        "attributes": first.beauty.attributes_digest if first.attributes else None,
        "threads": first.threads,
        "minutes": round(clock / 60, 1),
        "cpuMinutes": round(processor / 60, 1),
        **shown,
    }
