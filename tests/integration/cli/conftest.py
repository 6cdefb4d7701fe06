"""The plugin with the real kubectl, beside a shop with the real operator."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.integration.alerts.conftest import shop
from tests.integration.alerts.shop import Shop
from tests.integration.harness.binaries import ROOT, binary
from tests.integration.harness.control_plane import ControlPlane

__all__ = ["plugin", "shop"]


@dataclass(frozen=True, slots=True)
class Done:
    """What a command came to."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Plugin:
    """`kubectl recsys`, in the namespace of the shop."""

    namespace: str
    environment: Mapping[str, str] = field(repr=False)

    async def start(self, *words: str, **variables: str) -> asyncio.subprocess.Process:
        """Start a command."""
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "recsys_cli",
            *words,
            f"--namespace={self.namespace}",
            env={**self.environment, **variables},
            stdout=PIPE,
            stderr=PIPE,
        )

    async def run(self, *words: str, **variables: str) -> Done:
        """A command to its end."""
        return await self.end(await self.start(*words, **variables))

    async def end(self, process: asyncio.subprocess.Process) -> Done:
        """Wait for a command that was started."""
        out, err = await asyncio.wait_for(process.communicate(), 90)
        return Done(process.returncode or 0, out.decode(), err.decode())


@pytest.fixture
def plugin(shop: Shop, stage: tuple[ControlPlane, str], tmp_path: Path) -> Plugin:
    """The plugin of an administrator."""
    environment = {
        "PATH": f"{binary('kubectl').parent}:{os.defpath}",
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "KUBECONFIG": str(stage[0].kubeconfig),
        "PYTHONPATH": str(ROOT / "operator"),
        "PYTHONPYCACHEPREFIX": str(tmp_path / "compiled"),
    }
    return Plugin(shop.namespace, environment)
