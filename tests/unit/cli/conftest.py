"""The plugin with a kubectl on its PATH that serves recorded objects."""

import io
import json
import os
import stat
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import pytest

from recsys_cli.main import main

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


class Done(NamedTuple):
    """What a command came to."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(slots=True)
class Cluster:
    """What the fake kubectl serves, and the plugin that asks it."""

    home: Path
    environment: dict[str, str]

    def has(self, **files: Any) -> None:
        """Write `objects`, `events`, `answers`, `failures`."""
        for name, content in files.items():
            (self.home / f"{name}.json").write_text(json.dumps(content))

    def serves(self, *deployments: Any, pods: Any = (), models: Any = (), runs: Any = ()) -> None:
        """The objects."""
        self.has(
            objects={
                "deployments.recsys.dev": deployments,
                "pods": list(pods),
                "recmodels.recsys.dev": list(models),
                "trainingruns.recsys.dev": list(runs),
            }
        )

    def run(self, *words: str, **variables: str) -> Done:
        """`kubectl recsys WORD…` within this process, its words into a pipe; kubectl is a process of its own."""
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
        with (
            mock.patch.dict(os.environ, {**self.environment, **variables}, clear=True),
            mock.patch.object(sys, "argv", ["kubectl-recsys", *words]),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            code = 0
            try:
                main()
            except SystemExit as end:
                code = int(end.code or 0)
        return Done(code, *(stream.buffer.getvalue().decode() for stream in (out, err)))

    def spawn(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """The same as a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "recsys_cli", *words],
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def calls(self) -> list[list[str]]:
        """The command lines that kubectl was called with."""
        path = self.home / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the processes of these tests keep their compiled modules, as an installed plugin does."""
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture
def cluster(tmp_path: Path, compiled: Path) -> Cluster:
    """An empty cluster."""
    program = tmp_path / "bin" / "kubectl"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable} -SE\n" + (HERE / "fake_kubectl.py").read_text())
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    environment = {
        "PATH": str(program.parent),
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "COLUMNS": "110",
        "PYTHONPATH": str(ROOT / "operator"),
        "PYTHONPYCACHEPREFIX": str(compiled),
        "FAKE_KUBECTL": str(tmp_path),
    }
    found = Cluster(tmp_path, environment)
    found.serves()
    return found
