"""The architectures that trainers have: the schemas that are generated from their registry name and describe them."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

Schema = Mapping[str, Any]


@cache
def schemas() -> Mapping[str, Schema]:
    """The JSON Schema of each architecture's hyperparameters, by the architecture's name and in its order."""
    packaged = files("recsys_operator").joinpath("decide", "schemas").iterdir()
    found = [json.loads(file.read_text()) for file in packaged if file.name.endswith(".json")]
    return dict(sorted((schema["x-recsys-architecture"], schema) for schema in found))


def described() -> Mapping[str, str]:
    """A sentence for each architecture, by name."""
    return {name: schema["description"] for name, schema in schemas().items()}


@cache
def with_attributes() -> tuple[str, ...]:
    """The names of the architectures that learn from attributes of items."""
    return tuple(name for name, schema in schemas().items() if schema["x-recsys-attributes"])


@cache
def of_task() -> Mapping[str, tuple[str, ...]]:
    """The names of the architectures of each task."""
    tasks = sorted({schema["x-recsys-task"] for schema in schemas().values()})
    return {
        task: tuple(name for name, schema in schemas().items() if schema["x-recsys-task"] == task) for task in tasks
    }
