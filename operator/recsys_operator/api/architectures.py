"""The architectures that trainers have: the schemas that are generated from their registry name and describe them."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files


@cache
def described() -> Mapping[str, str]:
    """A sentence for each architecture, by name."""
    packaged = files("recsys_operator").joinpath("decide", "schemas").iterdir()
    schemas = [json.loads(file.read_text()) for file in packaged if file.name.endswith(".json")]
    found = {schema["x-recsys-architecture"]: schema["description"] for schema in schemas}
    return dict(sorted(found.items()))
