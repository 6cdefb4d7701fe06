"""spec.evaluation's protocol: which split, and what is written of it beside every figure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from recsys_workers.data.by_column import by_column
from recsys_workers.data.by_ratio import by_ratio
from recsys_workers.data.by_time import by_time
from recsys_workers.data.interactions import Interactions
from recsys_workers.data.split import SHORTEST, Split, leave_one_out
from recsys_workers.data.split_column import PARTS

LEAVE_ONE_OUT, BY_TIME = "LeaveOneOut", "ByTime"
BY_RATIO, BY_COLUMN = "ByRatio", "ByColumn"
PROTOCOLS = (LEAVE_ONE_OUT, BY_TIME, BY_RATIO, BY_COLUMN)
"""Those of interactions; recsys_workers.tabular.splitting has those of single rows."""
HISTORY = "a target's history is all that its user did before it"
OF_USERS = "95 %, normal over users, the targets of a user counted together"


@dataclass(frozen=True, slots=True)
class Protocol:
    """The split that a RecModel asks for; the percentages are those of ByTime and ByRatio."""

    name: str
    validation_percent: int = 10
    test_percent: int = 10
    folds: int = 0
    """Of ByRatio: of the cross-validation; 0 is none."""


def parse(evaluation: Mapping[str, Any]) -> Protocol:
    """The typed form of the object `evaluation` in run.json."""
    cuts = evaluation.get("byTime") or evaluation.get("byRatio") or {}
    return Protocol(
        evaluation["protocol"],
        int(cuts.get("validationPercent", 10)),
        int(cuts.get("testPercent", 10)),
        int(cuts.get("folds") or 0),
    )


def split_by(protocol: Protocol, interactions: Interactions, column: str = "") -> tuple[Split, dict[str, Any]]:
    """The split, and what the manifest's `protocol` says of it. Raises InvalidData when a part is empty.

    `column` is the name of the one that says the parts, of ByColumn.
    """
    order = "timestamp, then row number"
    shares = {"validationPercent": protocol.validation_percent, "testPercent": protocol.test_percent}
    rules: dict[str, Any]
    if protocol.name == BY_TIME:
        split, cuts, without = by_time(interactions, protocol.validation_percent, protocol.test_percent)
        moments = {"validationFrom": cuts.validation_from, "testFrom": cuts.test_from}
        rules = {
            "split": f"rows from testFrom on test, those from validationFrom to testFrom validate, those before train; "
            f"{HISTORY}",
            **shares,
            **moments,
            **without.document(),
            "interval": OF_USERS,
        }
    elif protocol.name == BY_RATIO:
        split = by_ratio(interactions, protocol.validation_percent, protocol.test_percent)
        rules = {
            "split": f"of each user's rows in the order of time the last {protocol.test_percent} % test, the "
            f"{protocol.validation_percent} % before them validate, the others, the first one always, train (rounded "
            f"to the nearest row); {HISTORY}",
            **shares,
            "interval": OF_USERS,
        }
    elif protocol.name == BY_COLUMN:
        split, without = by_column(interactions, column)
        order = "timestamp, then part, then row number"
        rules = {
            "split": f"as the column {column} says: {', '.join(PARTS)}; {HISTORY}",
            **without.document(),
            "interval": OF_USERS,
        }
    else:
        split = leave_one_out(interactions)
        rules = {
            "split": f"of users with {SHORTEST} or more rows the last one tests, the one before validates; "
            "the others train",
            "interval": "95 %, normal over users",
        }
    return split, {
        "name": protocol.name,
        **rules,
        "evaluatedUsers": len(np.unique(split.test.users)),
        "evaluatedTargets": len(split.test.targets),
        "order": order,
    }
