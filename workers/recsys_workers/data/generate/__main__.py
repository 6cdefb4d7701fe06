"""The command: `python -m recsys_workers.data.generate FOLDER`."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from recsys_workers.data.generate.log import chunks
from recsys_workers.data.generate.tables import WRITERS, Tables, item_table, user_table, write_csv
from recsys_workers.data.generate.truth import Truth
from recsys_workers.data.generate.world import InvalidSettings, Settings, build


def generate(folder: Path, file_format: str, settings: Settings) -> None:
    """Write impressions/, events/, items.csv, users.csv and truth.json into a folder that is empty or not there yet."""
    if folder.exists() and any(folder.iterdir()):
        raise InvalidSettings(f"The folder {folder} is not empty: name another one, or empty it.")
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
    defaults = Settings()
    parser = argparse.ArgumentParser(prog="python -m recsys_workers.data.generate", description=__doc__)
    parser.add_argument("folder", type=Path, help="where to write; empty, or not there yet")
    parser.add_argument("--format", choices=sorted(WRITERS), default="Parquet", help="of impressions and events")
    parser.add_argument("--users", type=int, default=defaults.users)
    parser.add_argument("--items", type=int, default=defaults.items)
    parser.add_argument("--categories", type=int, default=defaults.categories)
    parser.add_argument("--impressions", type=int, default=defaults.impressions, help="of a user, on average")
    parser.add_argument("--seed", type=int, default=defaults.seed)
    parser.add_argument(
        "--drift", type=float, default=defaults.drift, help="from 0 to 1, from the middle of the time on"
    )
    parser.add_argument("--start", type=_moment, default=defaults.start, help="ISO 8601, UTC without an offset")
    parser.add_argument("--days", type=int, default=defaults.days)
    asked = vars(parser.parse_args(arguments))
    folder, file_format = asked.pop("folder"), asked.pop("format")
    try:
        generate(folder, file_format, Settings(**asked))
    except InvalidSettings as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


if __name__ == "__main__":
    sys.exit(main())
