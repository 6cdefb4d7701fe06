"""Background processes with a log, that never outlive the tests."""

import ctypes
import os
import random
import signal
import socket
import subprocess
import threading
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


_taken: set[int] = set()
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))


def lasting_port() -> int:
    """A loopback port that stays free for a process that comes and goes.

    It is below those that the kernel gives to clients, and no other worker of the same tests takes it.
    """
    while True:
        port = random.randrange(15000 + _WORKER, 32000, _WORKERS)
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _taken:
            _taken.add(port)
            return port


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """One child process; its output goes to a file."""

    def __init__(self, name: str, command: list[str | Path], log: Path) -> None:
        self.name = name
        self.log = log
        # The kernel's death signal follows the thread that forked: one that ends would take the child along.
        main = threading.current_thread() is threading.main_thread()
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                list(map(str, command)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent if main else None,
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._popen.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._popen.poll() is None

    @property
    def exit_code(self) -> int:
        """Its exit code, once it has ended; minus the number of the signal that ended it."""
        code = self._popen.poll()
        assert code is not None, f"{self.name} still runs"
        return code

    def tail(self, lines: int = 15) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def kill(self) -> None:
        """End it now and wait until it is gone."""
        if self.running:
            self._popen.send_signal(signal.SIGKILL)
        self._popen.wait()
