"""How to go on after the demo: what it prints can be pasted."""

import json
import shlex
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from hack.demo.__main__ import next_steps

ROOT = Path(__file__).parents[3]


def test_the_commands_name_the_cluster_and_the_kubectl_of_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "kubectl"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.delenv("CLUSTER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", "/a checkout/kubeconfig")
    lines = [line.strip() for line in next_steps("http://127.0.0.1:1", "movies.example.com")]
    first, second, third, _, ask, follow, down = (
        shlex.split(line.removeprefix("$ ")) for line in lines if line.startswith("$ ")
    )
    assert first == ["export", "KUBECONFIG=/a checkout/kubeconfig"]
    assert second == ["export", f"PATH={tmp_path}:$PATH"]
    assert third == ["kubectl", "-n", "recsys-demo", "get", "recsys"]
    assert ask[:4] == ["curl", "-sS", "-H", "Host: movies.example.com"]
    assert json.loads(ask[-1])["history"]
    assert follow[:6] == ["kubectl", "-n", "recsys-demo", "patch", "rdep", "movies"]
    assert json.loads(follow[-1]) == {"spec": {"version": {"pin": None, "follow": "LatestPassing"}}}
    assert down == ["make", "down"]


def test_the_pages_that_it_names_are_there() -> None:
    words = " ".join(next_steps("http://127.0.0.1:1", "movies.example.com")).split()
    pages = [Path(word) for word in words if word.endswith(".md")]
    assert len(pages) == 2
    assert all((ROOT / page).is_file() for page in pages)


def test_a_cluster_that_the_demo_did_not_start_is_not_taken_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER", "current")
    assert not [line for line in next_steps("http://127.0.0.1:1", "movies.example.com") if "make down" in line]
