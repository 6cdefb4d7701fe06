"""The keys of run.json that this image makes something of. What a newer operator asks for besides is refused, not left
out: a model that was trained without it would look like the one that was asked for.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

Keys: TypeAlias = Mapping[str, "Keys | None"]
"""By the name of each key those below it, also of each entry of a list; None where any may stand."""


def _all(*names: str) -> dict[str, Keys | None]:
    return dict.fromkeys(names)


_VERSION = _all("version", "digest")
_CUTS = _all("validationPercent", "testPercent")
KNOWN: Keys = {
    **_all("namespace", "name", "uid", "model", "task", "objective", "architecture", "seed"),
    **_all("image", "operatorVersion"),
    "hyperparameters": None,
    "catalogue": None,  # The server reads it.
    "dataset": {
        **_all("uri", "format", "digest", "endpoint", "region"),
        "credentialsSecret": _all("name"),
        "items": {
            **_all("uri", "format", "digest", "idColumn"),
            "attributes": _all("name", "separator", "minRows"),
        },
    },
    "cleaning": {
        **_all("missing", "duplicates", "minUserInteractions", "minItemInteractions"),
        "timeWindow": _all("from", "to"),
        "bounds": _all("column", "min", "max"),
        "quantiles": _all("column", "lower", "upper"),
    },
    "schema": {
        "columns": _all(
            *("name", "role", "type", "encoding", "calendar", "unit", "minRows", "buckets", "maxFeatures"),
            *("missing", "fill", "positive"),
        ),
    },
    "evaluation": {
        **_all("protocol", "excludeSeen", "metrics"),
        "byTime": _CUTS,
        "byRatio": {**_CUTS, "folds": None},
    },
    "gates": {
        "name": None,
        "floor": _all("metric", "min", "max", "against"),
        "champion": _all("metric", "maxRegressionPercent"),
        "parity": _all("tolerance"),
        "latency": _all("p99Milliseconds"),
    },
    "storage": _all("uri"),
    "champion": _VERSION,
    "initFrom": _VERSION,
    "ensemble": {**_all("method", "seeds"), "versions": _VERSION},
    "tuning": {
        **_all("objective", "maxTrials", "parallelTrials", "seed"),
        "parameters": _all("name", "values", "min", "max", "scale"),
        "asha": _all("gracePeriod", "reductionFactor"),
    },
}


def unknown(document: Mapping[str, Any], known: Keys = KNOWN, above: str = "") -> Iterator[str]:
    """The keys that are not known, such as `dataset.items`. One that is null asks for nothing."""
    for key, value in document.items():
        if value is None:
            continue
        if key not in known:
            yield f"{above}{key}"
        elif below := known[key]:
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, Mapping):
                    yield from unknown(one, below, f"{above}{key}.")
