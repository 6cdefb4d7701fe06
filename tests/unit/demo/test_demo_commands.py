"""What the demo prints as a command is the command that runs; the programs here are played."""

import json
import shlex
from pathlib import Path

import pytest
from hack.demo import main_job
from hack.demo.kube import StepFailed, kubectl
from hack.demo.main_job import MainJob

ANSWER = {"items": [{"rank": 1, "score": 8.4, "id": "181", "title": "Return of the Jedi"}]}
POD = {"status": {"containerStatuses": [{"containerID": "containerd://abc"}]}}


class Programs:
    """Programs on an otherwise nearly empty PATH that write down how they were called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "calls"

    def add(self, name: str, output: str, exit_code: int = 0) -> None:
        program = self.folder / name
        calls = f'{{ printf "%s\\0" {name} "$@"; printf "\\n"; }} >> {self.log}'
        program.write_text(f"#!/bin/sh\n{calls}\nprintf '%s' {shlex.quote(output)}\nexit {exit_code}\n")
        program.chmod(0o755)

    def calls(self) -> list[list[str]]:
        return [line.split("\0")[:-1] for line in self.log.read_text().splitlines()]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    monkeypatch.setenv("PATH", str(tmp_path))
    made = Programs(tmp_path)
    made.add("kubectl", json.dumps(POD))
    return made


def shown(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    return [shlex.split(line.removeprefix("$ ")) for line in lines if line.startswith("$ ")]


def test_the_request_is_made_by_the_curl_that_is_printed(
    programs: Programs, capsys: pytest.CaptureFixture[str]
) -> None:
    programs.add("curl", json.dumps(ANSWER))
    assert MainJob("http://127.0.0.1:1", "movies.example.com").ask() == ANSWER
    assert shown(capsys) == programs.calls()
    assert programs.calls()[0][0] == "curl"
    assert json.loads(programs.calls()[0][-1])["k"] == 10


def test_a_command_about_a_namespace_is_shown_without_one_to_be_in(
    programs: Programs, capsys: pytest.CaptureFixture[str]
) -> None:
    kubectl("create", "namespace", "recsys-demo", show=True)
    kubectl("get", "pods", show=True)
    kubectl("get", "pods", "-n", "elsewhere", show=True)
    assert shown(capsys) == programs.calls()
    assert [call[1:] for call in programs.calls()] == [
        ["create", "namespace", "recsys-demo"],
        ["-n", "recsys-demo", "get", "pods"],
        ["get", "pods", "-n", "elsewhere"],
    ]


def test_a_refused_request_ends_the_step_with_the_answer(programs: Programs) -> None:
    programs.add("curl", "no healthy upstream", exit_code=22)
    with pytest.raises(StepFailed, match="no healthy upstream"):
        MainJob("http://127.0.0.1:1", "movies.example.com").ask()


def test_a_missing_program_is_named(programs: Programs) -> None:
    with pytest.raises(StepFailed, match="needs curl"):
        MainJob("http://127.0.0.1:1", "movies.example.com").ask()


def test_a_file_is_given_to_the_command_that_is_printed(
    programs: Programs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "a table"
    table.write_text("1\t2\n")
    kubectl("exec", "-i", "loader", "--", "sh", "-c", "cat > /data/table", stdin=table, show=True)
    assert shown(capsys) == [[*programs.calls()[0], "<", str(table)]]


@pytest.mark.parametrize("ctr", ["missing", "failing", "unreachable"])
def test_a_pod_whose_containerd_cannot_be_asked_is_deleted_without_grace(
    programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ctr: str
) -> None:
    socket = tmp_path / "containerd.sock"
    if ctr != "unreachable":
        socket.touch()
    if ctr != "missing":
        programs.add("ctr", "", exit_code=1)
    monkeypatch.setattr(main_job, "CONTAINERD", str(socket))
    main_job.kill_container("movies-1")
    assert programs.calls()[-1][-5:] == ["delete", "pod", "movies-1", "--grace-period=0", "--force"]
    assert any(call[0] == "ctr" for call in programs.calls()) is (ctr == "failing")


def test_a_container_that_was_killed_is_not_deleted_too(
    programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    socket = tmp_path / "containerd.sock"
    socket.touch()
    programs.add("ctr", "")
    monkeypatch.setattr(main_job, "CONTAINERD", str(socket))
    main_job.kill_container("movies-1")
    assert [call[0] for call in programs.calls()] == ["kubectl", "ctr"]
    assert shown(capsys) == [["ctr", "-a", str(socket), "-n", "k8s.io", "tasks", "kill", "-s", "SIGKILL", "abc"]]
