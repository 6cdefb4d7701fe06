"""Request bodies from real histories, made once so that sending one costs nothing."""

import json
import random
from collections import defaultdict
from pathlib import Path


def read(path: Path, length: int) -> list[list[str]]:
    """The last `length` items of every user, oldest first.

    `.inter` is a RecBole atomic file (user_id, item_id and maybe timestamp); anything else is JSON lines, each
    {"history": [id, …]} or {"history": [{"id": id}, …]}.
    """
    histories = _recbole(path) if path.suffix == ".inter" else _json_lines(path)
    return [history[-length:] for history in histories if history]


def made_up(users: int, items: int, length: int, seed: int) -> list[list[str]]:
    """Histories of ids from "1" to "<items>"."""
    chance = random.Random(seed)
    return [[str(chance.randint(1, items)) for _ in range(chance.randint(1, length))] for _ in range(users)]


def bodies(histories: list[list[str]], k: int) -> list[bytes]:
    """The bodies of POST /v1/recommend."""
    return [
        json.dumps(
            {"userId": f"load-{number}", "history": [{"id": item} for item in history], "k": k}, separators=(",", ":")
        ).encode()
        for number, history in enumerate(histories)
    ]


def _recbole(path: Path) -> list[list[str]]:
    header, *rows = (line.split("\t") for line in path.read_text().splitlines())
    names = [name.partition(":")[0] for name in header]
    user, item = names.index("user_id"), names.index("item_id")
    time = names.index("timestamp") if "timestamp" in names else None
    events: dict[str, list[tuple[float, int, str]]] = defaultdict(list)
    for number, row in enumerate(rows):
        events[row[user]].append((float(row[time]) if time is not None else 0.0, number, row[item]))
    return [[event[2] for event in sorted(user_events)] for user_events in events.values()]


def _json_lines(path: Path) -> list[list[str]]:
    histories = (json.loads(line)["history"] for line in path.read_text().splitlines())
    return [[event["id"] if isinstance(event, dict) else str(event) for event in history] for history in histories]
