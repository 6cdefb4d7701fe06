"""What the tests of datasets in an object store share."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest
from tests.integration.workers.seaweed import READER, Seaweed, serving
from tests.integration.workers.test_trainer_kill import run_json

from recsys_workers.train.__main__ import main
from recsys_workers.train.run_config import RunConfig, parse


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """The object store."""
    with serving(tmp_path_factory.mktemp("seaweed")) as store:
        yield store


class Credentials(Protocol):
    """What a Secret holds."""

    @property
    def environment(self) -> Mapping[str, str | None]:
        """The variables that the kubelet sets from it."""
        ...


class Run:
    """A TrainingRun and the environment of its pod, in this process."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.monkeypatch = monkeypatch
        self.document = run_json("uid-1", [{"name": "floor", "floor": {"metric": "NDCG@10", "min": "0"}}])
        (folder / "store").mkdir()
        (folder / "scratch").mkdir()
        self.environment(dict.fromkeys(READER.environment))
        self.environment(
            {
                "RECSYS_PVC_ROOT": str(folder),
                "RECSYS_TERMINATION_LOG": str(folder / "termination"),
                "RECSYS_RUN_CONFIG": str(folder / "run.json"),
                "TMPDIR": str(folder / "scratch"),
                "RAY_TMPDIR": "/tmp",  # The name of a socket has 107 bytes at most.
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_CONFIG_FILE": str(folder / "no-config"),
                "AWS_SHARED_CREDENTIALS_FILE": str(folder / "no-credentials"),
            }
        )
        monkeypatch.setattr("tempfile.tempdir", None)

    def environment(self, variables: Mapping[str, str | None]) -> None:
        """Set variables of the pod; None removes one."""
        for name, value in variables.items():
            if value is None:
                self.monkeypatch.delenv(name, raising=False)
            else:
                self.monkeypatch.setenv(name, value)

    def reads(self, uri: str, file_format: str = "CSV", keys: Credentials | None = None, **dataset: Any) -> RunConfig:
        """Let the run read this; with keys, those of a Secret `shop-s3`."""
        named = {"credentialsSecret": {"name": "shop-s3"}} if keys else {}
        self.document["dataset"] = {"uri": uri, "format": file_format, "digest": None, **named, **dataset}
        self.environment(keys.environment if keys else {})
        (self.folder / "run.json").write_text(json.dumps(self.document))
        return parse(self.document)

    def fails(self) -> tuple[int, str, str]:
        """Exit code, reason and sentence of the trainer."""
        code = main()
        told: dict[str, Any] = json.loads((self.folder / "termination").read_text())
        return code, told["reason"], told["message"]

    @property
    def left(self) -> list[Path]:
        """What is left on the scratch volume."""
        return list((self.folder / "scratch").iterdir())


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run whose pod has no credentials yet."""
    return Run(tmp_path, monkeypatch)
