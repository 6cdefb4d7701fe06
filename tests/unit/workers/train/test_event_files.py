"""What a version has of its run's event files for TensorBoard; the training itself is played."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.workers.train.played import Training

from recsys_workers import manifest
from recsys_workers.train import events
from recsys_workers.train.__main__ import main
from recsys_workers.train.run_config import parse

OWN = "events.out.tfevents.1.pod"
FIRST_OF_ALL = [OWN, f"trial-10/{OWN}", f"trial-2/{OWN}", f"trial-3/{OWN}"]


def written(folder: Path, *names: str, size: int = 3) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name[-1:].encode() * size)


def test_the_runs_own_come_first_then_the_winners_then_the_others_by_number(tmp_path: Path) -> None:
    written(tmp_path, *reversed(FIRST_OF_ALL))
    found = events.copied(tmp_path, "trial-10")
    assert list(found) == FIRST_OF_ALL
    assert found[OWN] == b"ddd"


def test_what_is_no_event_file_of_the_runs_stays_where_it_is(tmp_path: Path) -> None:
    written(tmp_path / "secrets", OWN)
    run = tmp_path / "run"
    written(run, "notes.txt", f"other/{OWN}", f"trial-x/{OWN}", f"seed-1/{OWN}")
    (run / "events.out.tfevents.2.link").symlink_to(tmp_path / "secrets" / OWN)
    (run / "trial-1").symlink_to(tmp_path / "secrets")
    assert list(events.copied(run)) == [f"seed-1/{OWN}"]


def test_a_version_has_so_many_files_and_bytes_of_them_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, *FIRST_OF_ALL)
    monkeypatch.setattr(events, "MOST_FILES", 3)
    assert list(events.copied(tmp_path, "trial-10")) == FIRST_OF_ALL[:3]
    monkeypatch.setattr(events, "MOST_BYTES", 10)
    written(tmp_path, f"trial-10/{OWN}", size=8)
    assert list(events.copied(tmp_path, "trial-10")) == [OWN, *FIRST_OF_ALL[2:]], "what is too large leaves its room"


def test_without_a_folder_there_are_none(tmp_path: Path) -> None:
    assert events.copied(tmp_path / "missing") == {}


def test_a_version_holds_its_runs_event_files_and_is_read_without_them(
    document: dict[str, Any], run_folder: Path, training: Training
) -> None:
    config = parse(document)
    written(config.events_folder, OWN, f"seed-1/{OWN}")
    assert main() == 0
    folder = config.versions_folder / "1"
    listed = [entry.path for entry in manifest.load(folder, None).manifest.files]
    assert listed[-2:] == [f"tensorboard/{OWN}", f"tensorboard/seed-1/{OWN}"]
    assert (folder / "tensorboard" / OWN).read_bytes() == (config.events_folder / OWN).read_bytes()
    for copy in (folder / "tensorboard").rglob(OWN):
        copy.unlink()
    assert manifest.MODEL in manifest.load(folder, training.told[0]["digest"]).contents


@pytest.mark.parametrize("broken", [OWN, "seed-1", ""])
def test_event_files_that_the_store_does_not_give_fail_no_run(
    document: dict[str, Any],
    run_folder: Path,
    training: Training,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    broken: str,
) -> None:
    """… be it a file, the folder of a seed or that of the run."""
    config = parse(document)
    folder = config.events_folder
    written(folder, OWN)
    (folder / "seed-1").mkdir()

    def but_for_the_broken(real: Callable[[Path], Any]) -> Callable[[Path], Any]:
        def answered(path: Path) -> Any:
            if path == folder / broken:
                raise OSError(5, "Input/output error", str(path))
            return real(path)

        return answered

    for name in ("read_bytes", "iterdir"):
        monkeypatch.setattr(Path, name, but_for_the_broken(getattr(Path, name)))
    assert main() == 0
    files = json.loads((config.versions_folder / "1" / manifest.MANIFEST).read_text())["files"]
    assert [entry["path"] for entry in files if entry["path"].startswith("tensorboard/")] == []
    assert "the version goes without" in capfd.readouterr().out
    assert training.told[0]["verdict"] == "Passed"
