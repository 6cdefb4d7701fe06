"""How to go on after the demo: what it prints can be pasted."""

import json
import shlex
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from hack.demo.__main__ import next_steps


def test_the_commands_name_the_cluster_and_the_kubectl_of_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "kubectl"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", "/a checkout/kubeconfig")
    lines = [line.strip() for line in next_steps("http://127.0.0.1:1", "movies.example.com")]
    first, second, third, _, ask = (shlex.split(line.removeprefix("$ ")) for line in lines if line.startswith("$ "))
    assert first == ["export", "KUBECONFIG=/a checkout/kubeconfig"]
    assert second == ["export", f"PATH={tmp_path}:$PATH"]
    assert third == ["kubectl", "-n", "recsys-demo", "get", "recsys"]
    assert ask[:4] == ["curl", "-sS", "-H", "Host: movies.example.com"]
    assert json.loads(ask[-1])["history"]
