"""A table of customers of whom some leave: a row each, and nobody can tell more than 85 % of them.

Who leaves is decided by the sign of a smooth function of the columns, and then turned round for 15 % of the rows,
whatever they hold. So the best classifier is that sign, its accuracy is 0.85, and its log loss the entropy of 0.15.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]

from recsys_workers.data.generate.tables import MILLISECONDS, WRITERS
from recsys_workers.data.generate.world import InvalidSettings

TURNED = 0.15
CHUNK_ROWS = 100_000
PLANS = ("basic", "plus", "premium", "family")
CONTRACTS = ("monthly", "yearly", "two-year")
REGIONS = tuple(f"region-{number:02d}" for number in range(12))
OF_PLAN = np.array([0.6, 0.0, -0.6, -0.3])
OF_CONTRACT = np.array([0.9, 0.0, -0.9])
OF_REGION = np.linspace(-0.4, 0.4, len(REGIONS))
PARTS = ("train", "validation", "test")
SHARES = (0.8, 0.1, 0.1)
START, DAY = 1_767_225_600_000, 86_400_000
"""2026-01-01 in milliseconds, and a day of them."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line says."""

    rows: int = 50_000
    seed: int = 1

    def __post_init__(self) -> None:
        for name, least in (("rows", 10), ("seed", 0)):
            if getattr(self, name) < least:
                raise InvalidSettings(f"--{name} is {getattr(self, name)}: it must be at least {least}.")


def generate(folder: Path, file_format: str, settings: Settings) -> None:
    """Write churn/ and truth.json into a folder that is there; memory does not grow with the rows."""
    suffix, write = WRITERS[file_format]
    (folder / "churn").mkdir(parents=True)
    leaving = churned = both = 0
    for number, first in enumerate(range(0, settings.rows, CHUNK_ROWS)):
        count = min(CHUNK_ROWS, settings.rows - first)
        table, sign = chunk(np.random.default_rng([settings.seed, 3, number]), first, count)
        write(table, folder / "churn" / f"part-{number:05d}{suffix}")
        label = np.asarray(table["churned"]) == 1
        leaving += int(sign.sum())
        churned += int(label.sum())
        both += int((sign & label).sum())
    document = truth(settings, leaving, churned, both)
    (folder / "truth.json").write_text(json.dumps(document, indent=2) + "\n")


def chunk(
    random: np.random.Generator, first: int, count: int
) -> "tuple[pa.Table, np.ndarray[Any, np.dtype[np.bool_]]]":
    """So many customers, numbered from `first`, and the sign that decides before any is turned round."""
    tenure = np.round(1 + random.gamma(2.0, 12.0, count), 1)
    charge = np.round(random.uniform(10, 120, count), 2)
    calls = random.poisson(2.0, count)
    idle = np.round(random.exponential(8.0, count), 1)
    # Who has no app does not log in, and leaves more often.
    without_app = random.random(count) < 0.1
    plan, contract, region = (random.integers(0, len(names), count) for names in (PLANS, CONTRACTS, REGIONS))
    score = (
        -0.9 * np.log(tenure / 20)
        + 0.6 * (charge - 65) / 32
        + 0.5 * (calls - 2)
        + np.where(without_app, 0.8, 0.05 * (idle - 8))
        + OF_PLAN[plan]
        + OF_CONTRACT[contract]
        + OF_REGION[region]
    )
    sign = score > 0
    label = sign ^ (random.random(count) < TURNED)
    part = random.choice(len(PARTS), count, p=SHARES)
    days = random.integers(0, 365, count)
    table = pa.table(
        {
            "customer_id": [f"c-{number:07d}" for number in range(first, first + count)],
            "day": pa.array(START + DAY * days).cast(MILLISECONDS),
            "tenure_months": tenure,
            "monthly_charge": charge,
            "support_calls": calls,
            "days_since_login": pa.array(idle, mask=without_app),
            "plan": pa.array(PLANS).take(pa.array(plan)),
            "contract": pa.array(CONTRACTS).take(pa.array(contract)),
            "region": pa.array(REGIONS).take(pa.array(region)),
            "part": pa.array(PARTS).take(pa.array(part)),
            "churned": label.astype(np.int8),
        }
    )
    return table, sign


def truth(settings: Settings, leaving: int, churned: int, both: int) -> dict[str, Any]:
    """truth.json: the best that anybody can expect, and what the sign itself reaches on these very rows.

    `leaving` rows have the sign, `churned` the label, and `both` both.
    """
    rows = settings.rows
    hit, false = both / max(1, churned), (leaving - both) / max(1, rows - churned)
    return {
        "settings": {"rows": rows, "seed": settings.seed},
        "churned": churned,
        "bayesAccuracy": 1 - TURNED,
        "bayesLogLoss": -TURNED * math.log(TURNED) - (1 - TURNED) * math.log(1 - TURNED),
        "ofTheSign": {"accuracy": (both + rows - leaving - churned + both) / rows, "auc": (1 + hit - false) / 2},
    }
