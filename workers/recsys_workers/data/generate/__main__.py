"""The command: `python -m recsys_workers.data.generate FOLDER`."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recsys_workers.data.generate import baskets, churn, numbers
from recsys_workers.data.generate.log import chunks
from recsys_workers.data.generate.tables import WRITERS, Tables, item_table, user_table, write_csv
from recsys_workers.data.generate.truth import Truth
from recsys_workers.data.generate.world import InvalidSettings, Settings, build

SHOP = "shop"
TABLES: Mapping[str, Any] = {"churn": churn, "baskets": baskets, "numbers": numbers}
"""Modules with Settings and generate."""


def generate(folder: Path, file_format: str, settings: Settings) -> None:
    """Write impressions/, events/, items.csv, users.csv and truth.json into a folder that is empty or not there yet."""
    suffix, write = WRITERS[file_format]
    world = build(settings)
    truth, tables = Truth(world), Tables(world)
    for name in ("impressions", "events"):
        (folder / name).mkdir(parents=True)
    for chunk in chunks(world):
        truth.add(chunk)
        part = f"part-{chunk.number:05d}{suffix}"
        write(tables.impressions(chunk), folder / "impressions" / part)
        write(tables.events(chunk), folder / "events" / part)
    write_csv(item_table(world), folder / "items.csv")
    write_csv(user_table(world), folder / "users.csv")
    (folder / "truth.json").write_text(json.dumps(truth.document(), indent=2) + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0, or 2 for settings of which no log can be made."""
    parser = argparse.ArgumentParser(prog="python -m recsys_workers.data.generate", description=__doc__)
    parser.add_argument("folder", type=Path, help="where to write; empty, or not there yet")
    parser.add_argument(
        "--table",
        choices=[SHOP, *TABLES],
        default=SHOP,
        help="shop: logs; churn, numbers: a row each; baskets: a row a product of an order",
    )
    parser.add_argument("--format", choices=sorted(WRITERS), default="Parquet", help="of the rows")
    parser.add_argument("--users", type=int)
    parser.add_argument("--items", type=int)
    parser.add_argument("--categories", type=int)
    parser.add_argument("--impressions", type=int, help="of a user, on average")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--drift", type=float, help="from 0 to 1, from the middle of the time on")
    parser.add_argument("--start", type=_moment, help="ISO 8601, UTC without an offset")
    parser.add_argument("--days", type=int)
    parser.add_argument("--rows", type=int, help="of churn and numbers")
    parser.add_argument("--features", type=int, help="columns of numbers")
    parser.add_argument("--bayes-accuracy", type=float, help="of numbers: what nobody can surpass")
    parser.add_argument("--orders", type=int, help="of baskets")
    parser.add_argument("--products", type=int, help="of baskets")
    parser.add_argument("--recipes", type=int, help="of baskets: how many lists of products that go together")
    asked = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value is not None}
    folder, file_format, table = asked.pop("folder"), asked.pop("format"), asked.pop("table")
    try:
        if folder.exists() and any(folder.iterdir()):
            raise InvalidSettings(f"The folder {folder} is not empty: name another one, or empty it.")
        _require_options(table, asked)
        if table == SHOP:
            generate(folder, file_format, Settings(**asked))
        else:
            TABLES[table].generate(folder, file_format, TABLES[table].Settings(**asked))
    except InvalidSettings as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _require_options(table: str, asked: Mapping[str, object]) -> None:
    allowed = {field.name for field in fields(Settings if table == SHOP else TABLES[table].Settings)}
    for name in asked:
        if name not in allowed:
            raise InvalidSettings(f"--{name.replace('_', '-')} is not for --table {table}: leave it out.")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


if __name__ == "__main__":
    sys.exit(main())
