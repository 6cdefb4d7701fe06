"""A machine made of files and small programs, on which the shell functions of the local cluster run for real."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HACK = Path(__file__).parents[3] / "hack" / "cluster"

COMMANDS = {
    # The real one, which sees the processes of this machine only: those of the session.
    "pgrep": f'exec {shutil.which("pgrep")} --session 0 "$@"',
    "ip": 'cat "$MACHINE/links"',
    "umount": 'echo "$*" >> "$MACHINE/unmounted"',
    **{f"{family}-save": f'cat "$MACHINE/{family}"' for family in ("iptables", "ip6tables")},
    **{f"{family}-restore": f'cat > "$MACHINE/{family}"' for family in ("iptables", "ip6tables")},
}

BEGINNING = """
set -euo pipefail
. "$HACK/lib.sh"
. "$HACK/processes.sh"
. "$HACK/remains.sh"
RUN=$MACHINE/run SOCKET=$MACHINE/run/containerd.sock
CGROUPS=$MACHINE/cgroup MOUNTS=$MACHINE/mounts NETWORKS=$MACHINE/networks
begun=()
trap 'kill -KILL "${begun[@]}" 2> /dev/null || true' EXIT

# begin PROGRAM ARGUMENT...: starts it, and returns when the process has its name.
begin() {
  "$@" > "$MACHINE/out" 2>&1 &
  begun+=("$!")
  disown
  local name=${1##*/}
  until [ "$(cat "/proc/$!/comm")" = "${name:0:15}" ]; do kill -0 "$!"; done
}
"""


class Machine:
    """`home` holds what the functions read: `mounts`, `links`, `iptables`, `ip6tables`, `cgroup`, `networks`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.state = home / "state/recsys-operator/cluster"
        self.run = home / "run"
        for directory in (self.state, self.run, home / "cgroup", home / "networks"):
            directory.mkdir(parents=True)
        for file in ("mounts", "links", "iptables", "ip6tables"):
            (home / file).touch()
        for name, script in COMMANDS.items():
            self.program(f"bin/{name}", f"#!/bin/sh\n{script}\n")

    def program(self, path: str, text: str = "") -> Path:
        """A program; without a text, one that sleeps for as many seconds as it is told."""
        found = self.home / path
        found.parent.mkdir(parents=True, exist_ok=True)
        if text:
            found.write_text(text)
            found.chmod(0o755)
        else:
            shutil.copy(shutil.which("sleep") or "", found)
        return found

    def waits(self, path: str) -> Path:
        """A program that takes any arguments, and waits."""
        return self.program(path, f"#!{sys.executable} -SE\nimport time\ntime.sleep(600)\n")

    def does(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a script with the functions that `make down` uses, in a session of its own."""
        whole = self.home / "script"
        whole.write_text(BEGINNING + script)
        return subprocess.run(
            ["bash", str(whole)],
            env={
                "PATH": f"{self.home}/bin:{os.environ['PATH']}",
                "HACK": str(HACK),
                "MACHINE": str(self.home),
                "HOME": str(self.home),
                "XDG_CACHE_HOME": str(self.home / "cache"),
                "XDG_STATE_HOME": str(self.home / "state"),
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            start_new_session=True,
        )
