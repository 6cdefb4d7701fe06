"""Only what a commit tells the making of is kept."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from benchmarks import keep, readme, recorded

SOME = ("benchmarks/some.py", "workers/some.py", "operator/some.py", "docs/some.md")
KEPT = ("benchmarks/results/some.jsonl", "benchmarks/README.md")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository in which everything is committed, and which the benchmarks take for theirs."""
    for name in (*SOME, *KEPT):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "benchmarks/README.md").write_text(f"{readme.BEGIN}{readme.END}")
    author = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.com")
    for command in (["init", "-q"], ["add", "."], [*author, "commit", "-q", "-m", "All"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    monkeypatch.setattr(keep, "ROOT", tmp_path)
    monkeypatch.setattr(recorded, "ROOT", tmp_path)
    monkeypatch.setattr(readme, "PAGE", tmp_path / "benchmarks/README.md")
    return tmp_path


def kept(checkout: Path) -> tuple[Path, Path]:
    """A result and a page, where they are kept."""
    files = checkout / KEPT[0], checkout / "benchmarks/results/some.md"
    found: dict[str, Any] = {"name": "A", "seed": 1}
    keep.result(files[0], found)
    keep.page(files[1], "Some", {"rate": 1}, "| a |")
    return files


@pytest.mark.parametrize("name", ["benchmarks/results/new.md", "benchmarks/README.md", "docs/some.md", "docs/new.md"])
def test_what_is_committed_is_kept_and_shown(name: str, checkout: Path) -> None:
    with (checkout / name).open("a") as file:
        file.write("changed\n")
    line, page = kept(checkout)
    assert '"name": "A"' in line.read_text()
    assert page.read_text().startswith("# Some\n")
    assert "### Training" in readme.PAGE.read_text()


@pytest.mark.parametrize("name", [*SOME[:3], "benchmarks/new.py", "benchmarks/results.py", "workers/new/new.py"])
def test_a_change_that_is_not_committed_keeps_it_back(
    name: str, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkout / name).parent.mkdir(exist_ok=True)
    (checkout / name).write_text("changed\n")
    line, page = kept(checkout)
    assert line.read_text() == ""
    assert not page.exists()
    assert readme.PAGE.read_text() == f"{readme.BEGIN}{readme.END}"
    told = capsys.readouterr().out.splitlines()
    assert [one.split(":")[0] for one in told] == ["Not recorded in some.jsonl", "Not recorded in some.md"]
    assert all("commit or take back " in one and name.removesuffix("new.py") in one for one in told)


def test_without_git_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep, "ROOT", tmp_path)
    assert keep.refusal().startswith("git does not tell the commit")


def test_no_benchmark_keeps_anything_past_the_check() -> None:
    found = {
        str(file.relative_to(recorded.ROOT))
        for file in (recorded.ROOT / "benchmarks").rglob("*.py")
        if re.search(r"recorded\.(add|page)\(|\bFILE\.write", file.read_text())
    }
    assert found == {"benchmarks/keep.py"}
