"""The committed CRDs and reference are what the types say, and staleness is noticed."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hack.gen import crds


@pytest.fixture(autouse=True, scope="module")
def _generated_once() -> Iterator[None]:
    """The files cost a second each time, and nothing here changes what they are made from."""
    once = crds.generated()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crds, "generated", lambda: once)
        yield


def test_the_committed_files_are_up_to_date() -> None:
    assert crds.stale() == []


def test_what_is_written_is_not_stale(tmp_path: Path) -> None:
    crds.write(tmp_path)
    assert crds.stale(tmp_path) == []


@pytest.mark.parametrize("name", ["crds/recsys.dev_recmodels.yaml", "docs/reference/api.md"])
def test_an_edited_file_is_stale(tmp_path: Path, name: str) -> None:
    crds.write(tmp_path)
    (tmp_path / name).write_text((tmp_path / name).read_text().replace("Immutable", "Mutable"))
    assert crds.stale(tmp_path) == [f"{name} is stale: run `python hack/gen/crds.py` and commit the result."]


def test_a_missing_file_and_one_of_no_kind_are_told(tmp_path: Path) -> None:
    crds.write(tmp_path)
    (tmp_path / "crds/recsys.dev_deployments.yaml").rename(tmp_path / "crds/recsys.dev_endpoints.yaml")
    assert crds.stale(tmp_path) == [
        "crds/recsys.dev_deployments.yaml is missing: run `python hack/gen/crds.py` and commit it.",
        "crds/recsys.dev_endpoints.yaml belongs to no kind: delete it.",
    ]


def test_the_command_succeeds_on_the_checkout_from_any_directory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, crds.ROOT / "hack/gen/crds.py", "--check"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_reference_explains_every_field_and_rule() -> None:
    text = (crds.ROOT / "docs/reference/api.md").read_text()
    for field in (
        "**`gates[].floor.metric`**",
        "`gates[].floor.against`",
        "`rollback.warmSeconds`",
        "`blocked[].cause`",
        "`canary.abort`",
    ):
        assert field in text
    assert "a gate must set exactly one of: floor, champion, parity, latency" in text
    assert "<claim>" not in text, "Markdown swallows a placeholder in angle brackets."
