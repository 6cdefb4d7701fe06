"""The trainer as a job of Ray's dashboard: its last line, and what the kernel counts."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from recsys_operator.build import ray_job
from recsys_operator.decide.trainingrun import rayword
from recsys_workers.train import memory, submitted
from recsys_workers.train.attempt import DETERMINISTIC_FAILURES, PASSING_FAILURES
from recsys_workers.train.failure import OUT_OF_MEMORY
from recsys_workers.train.ray_run import ENVIRONMENT, origin

SAYS = (
    "import os, pathlib; print('a line', flush=True); "
    'pathlib.Path(os.environ["RECSYS_TERMINATION_LOG"]).write_text('
    '\'{"reason": "InvalidData", "message": "Two\\\\nlines"}\'); '
    "raise SystemExit(2)"
)


def last_line(text: str) -> dict[str, object]:
    line = text.splitlines()[-1]
    assert line.startswith(submitted.MARK)
    told: dict[str, object] = json.loads(line.removeprefix(submitted.MARK))
    return told


def test_operator_and_trainer_call_it_the_same() -> None:
    assert submitted.MARK == rayword.MARK
    assert OUT_OF_MEMORY == rayword.OUT_OF_MEMORY
    assert ray_job.POD_LOG["name"] == submitted.POD_LOG


def test_ray_is_as_quiet_in_the_pods_of_a_rayjob_as_in_one_pod() -> None:
    assert ray_job.RAY_ENVIRONMENT.items() <= ENVIRONMENT.items()


def test_the_last_line_is_the_trainers_word(capfd: pytest.CaptureFixture[str]) -> None:
    assert submitted.main(("-c", SAYS)) == 2
    told = last_line(capfd.readouterr().out)
    assert (told["reason"], told["message"], told["exitCode"]) == ("InvalidData", "Two\nlines", 2)
    message = f"Job entrypoint command failed with exit code 2, last:\n{submitted.MARK}{json.dumps(told)}\n"
    failure = rayword.failure_of_message(message, None, "4Gi")
    assert (failure.reason, failure.message, failure.exit_code, failure.pod) == (
        "InvalidData",
        "Two\nlines",
        2,
        told["pod"],
    )


def test_a_trainer_that_ends_well_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    assert submitted.main(("-c", "print('done')")) == 0
    assert capfd.readouterr().out == "done\n"


@pytest.mark.parametrize("killed", [False, True])
def test_a_trainer_that_was_killed_is_said_to_be_when_the_kernel_counted_it(
    killed: bool, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = iter((1, 1 + killed))
    monkeypatch.setattr(memory, "kills", lambda: next(counts))
    assert submitted.main(("-c", "import os; print('x', flush=True); os.kill(os.getpid(), 9)")) == 137
    out = capfd.readouterr().out
    if killed:
        assert (last_line(out)["reason"], last_line(out)["exitCode"]) == (OUT_OF_MEMORY, 137)
    else:
        assert out == "x\n"


class PodsOutput:
    """What the first process of a pod prints to: a pipe, which others reach by a path."""

    def __init__(self) -> None:
        self.end, self.begin = os.pipe()
        self.path = f"/proc/self/fd/{self.begin}"

    def read(self) -> str:
        os.close(self.begin)
        with os.fdopen(self.end, "rb") as stream:
            return stream.read().decode()


def test_what_the_trainer_prints_stands_in_the_pods_log_too_and_its_word_for_the_operator_does_not(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pod = PodsOutput()
    monkeypatch.setenv(submitted.POD_LOG, pod.path)
    assert submitted.main(("-c", f"import sys; print('an error', file=sys.stderr, flush=True); {SAYS}")) == 2
    own, errors = capfd.readouterr()
    assert errors == ""
    assert own.splitlines()[:-1] == ["an error", "a line"]
    assert last_line(own)["reason"] == "InvalidData"
    assert pod.read() == "an error\na line\n"


def test_a_line_is_in_the_pods_log_when_it_is_printed_and_not_at_the_end(tmp_path: Path) -> None:
    pod_log, answer = tmp_path / "log", tmp_path / "answer"
    os.mkfifo(pod_log)
    os.mkfifo(answer)
    script = f"print('begun', flush=True); open({str(answer)!r}).read(); print('done')"
    command = f"import sys; from recsys_workers.train import submitted; sys.exit(submitted.main(('-c', {script!r})))"
    process = subprocess.Popen(
        [sys.executable, "-c", command], stdout=subprocess.PIPE, env={**os.environ, submitted.POD_LOG: str(pod_log)}
    )
    try:
        with pod_log.open() as shown:
            assert shown.readline() == "begun\n"
            answer.write_text("")
            assert shown.read() == "done\n"
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("lost", ["from the beginning", "later"])
def test_a_pods_log_that_cannot_be_written_ends_no_run(
    lost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pod = PodsOutput()
    os.close(pod.end)
    monkeypatch.setenv(submitted.POD_LOG, pod.path if lost == "later" else str(tmp_path / "no" / "log"))
    assert submitted.main(("-c", "print(1); print(2)")) == 0
    lines = capfd.readouterr().out.splitlines()
    os.close(pod.begin)
    assert lines[-2:] == ["1", "2"]
    assert len(lines) == (2 if lost == "later" else 3), "the reason is told once"


def test_a_full_disk_under_the_jobs_own_log_holds_up_no_trainer(tmp_path: Path) -> None:
    """More than a pipe has room for is printed: somebody must go on reading."""
    script = "print('x' * 99 + chr(10), end='', flush=True); print(('y' * 99 + chr(10)) * 5000, end='')"
    command = f"import os; from recsys_workers.train import submitted; os._exit(submitted.main(('-c', {script!r})))"
    pod_log = tmp_path / "log"
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-c", command],
            stdout=full,
            env={**os.environ, submitted.POD_LOG: str(pod_log)},
            timeout=60,
            check=False,
        )
    assert ended.returncode == 0
    assert len(pod_log.read_text().splitlines()) == 5001


def test_a_process_that_the_trainer_leaves_behind_holds_up_no_end(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pod = PodsOutput()
    monkeypatch.setenv(submitted.POD_LOG, pod.path)
    monkeypatch.setattr(submitted, "LAST_LINES_SECONDS", 0.5)
    leaves = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True)"
    assert submitted.main(("-c", leaves)) == 0
    os.kill(int(capfd.readouterr().out), signal.SIGKILL)
    os.close(pod.begin)
    os.close(pod.end)


def test_being_stopped_is_passed_on() -> None:
    script = "import time; print('begun', flush=True); time.sleep(60)"
    command = f"import sys; from recsys_workers.train import submitted; sys.exit(submitted.main(('-c', {script!r})))"
    process = subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.PIPE, text=True, env=os.environ)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.communicate()


def test_both_versions_of_cgroups_count(tmp_path: Path) -> None:
    assert memory.kills(tmp_path) == 0
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    assert memory.kills(tmp_path) == 2
    (tmp_path / "memory.events").write_text("low 0\nhigh 0\nmax 7\noom 1\noom_kill 1\noom_group_kill 0\n")
    assert memory.kills(tmp_path) == 1


def test_both_versions_of_cgroups_have_a_limit(tmp_path: Path) -> None:
    machine = memory.limit(tmp_path)
    assert machine == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert memory.limit(tmp_path) == machine
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("2147483648\n")
    assert memory.limit(tmp_path) == min(machine, 2 << 30)
    (tmp_path / "memory.max").write_text("1073741824\n")
    assert memory.limit(tmp_path) == 1 << 30
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.limit(tmp_path) == min(machine, 2 << 30)


def test_the_failure_that_others_follow_from_is_told() -> None:
    class RayActorError(Exception):
        pass

    class TrainingDiverged(Exception):
        pass

    lost, died, diverged = RuntimeError("Connection closed by peer"), RayActorError("died"), TrainingDiverged("loss")
    assert origin([lost, died]) is died
    assert origin([lost, died, diverged]) is diverged
    assert origin([lost]) is lost
    assert origin([]) is None


@pytest.mark.parametrize("name", [*DETERMINISTIC_FAILURES, *PASSING_FAILURES])
def test_what_a_worker_says_itself_is_told_before_one_that_died(name: str) -> None:
    raised, died = type(name, (Exception,), {})("why"), type("RayActorError", (Exception,), {})("died")
    assert origin([died, raised]) is raised
