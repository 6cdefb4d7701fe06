"""What a run says that is refused before Ray starts."""

import json
from pathlib import Path
from typing import Any

from recsys_workers.train.__main__ import main


def outcome(document: dict[str, Any], folder: Path) -> tuple[int, str, str]:
    """Exit code, reason and message of `python -m recsys_workers.train`."""
    (folder / "run.json").write_text(json.dumps(document))
    code = main()
    told = json.loads((folder / "termination").read_text())
    assert set(told) == {"reason", "message"}
    return code, told["reason"], told["message"]


def check_refusal(
    document: dict[str, Any], folder: Path, path: list[Any], value: object, reason: str, said: str
) -> None:
    """With this value at this path the run must end with exit code 2, this reason, and these words in its message."""
    place: Any = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    code, found, message = outcome(document, folder)
    assert (code, found) == (2, reason)
    assert said in message
