"""The committed schemas and the reference of hyperparameters are what the architectures' files declare."""

from pathlib import Path

import pytest

pytest.importorskip("torch")

from hack.gen import schemas

pytestmark = pytest.mark.torch


def test_the_committed_files_are_up_to_date() -> None:
    assert schemas.stale() == []


def test_what_is_edited_or_of_no_architecture_is_told(tmp_path: Path) -> None:
    schemas.write(tmp_path)
    assert schemas.stale(tmp_path) == []
    (tmp_path / schemas.PAGE).write_text("")
    (tmp_path / schemas.FOLDERS[1] / "bert.json").write_text("{}")
    assert schemas.stale(tmp_path) == [
        "docs/reference/hyperparameters.md is stale: run `python hack/gen/schemas.py` and commit the result.",
        "operator/recsys_operator/decide/schemas/bert.json belongs to no architecture: delete it.",
    ]
