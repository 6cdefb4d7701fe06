"""kubectl for the demo: every command that a user would type is shown, every wait tells what it waits for."""

import json
import shlex
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

NAMESPACE = "recsys-demo"
SYSTEM = "recsys-system"
DEPLOYED = "movies"
START = time.monotonic()


class StepFailed(Exception):
    """A step of the demo did not hold; the message says what was expected and what was found."""


def say(text: str) -> None:
    """One progress line with the time since the demo began."""
    elapsed = int(time.monotonic() - START)
    print(f"[{elapsed // 60:02d}:{elapsed % 60:02d}] {text}", flush=True)


def heading(text: str) -> None:
    """A step of the demo."""
    print(flush=True)
    say(f"== {text}")


def run(command: Sequence[str], *, show: bool, stdin: Path | None = None, check: bool = True) -> str:
    """Runs a command and returns its output. With `show` it is printed as a user would type it, with no difference."""
    if show:
        print(f"    $ {shlex.join(command)}" + (f" < {shlex.quote(str(stdin))}" if stdin else ""), flush=True)
    given = stdin.read_text() if stdin else None
    try:
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise StepFailed(f"the demo needs {command[0]}, and there is none: install it") from error
    if done.returncode != 0 and check:
        raise StepFailed(f"{shlex.join(command)} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def kubectl(*arguments: str, show: bool = False, stdin: Path | None = None, check: bool = True) -> str:
    """Runs kubectl in the demo's namespace (unless the arguments name one, or are about one) and returns its output."""
    command = ["kubectl", *arguments]
    if not any(argument in ("-n", "--namespace", "-A", "namespace") for argument in arguments):
        command[1:1] = ["-n", NAMESPACE]
    output = run(command, show=show, stdin=stdin, check=check)
    if show and output.strip():
        print("\n".join(f"      {line}" for line in output.rstrip().splitlines()), flush=True)
    return output


def get(resource: str, name: str, namespace: str = NAMESPACE) -> dict[str, Any]:
    """One object; empty when it does not exist."""
    out = kubectl("get", resource, name, "-o", "json", "--ignore-not-found", "-n", namespace)
    return dict(json.loads(out)) if out.strip() else {}


def items(resource: str, *arguments: str) -> list[dict[str, Any]]:
    """All objects of one resource in the demo's namespace."""
    return list(json.loads(kubectl("get", resource, "-o", "json", *arguments))["items"])


def condition(obj: dict[str, Any], kind: str) -> dict[str, Any]:
    """The condition of that type; empty when there is none."""
    for found in obj.get("status", {}).get("conditions", []):
        if found["type"] == kind:
            return dict(found)
    return {}


def wait_until(what: str, probe: Callable[[], str | None], seconds: float, every: float = 0.5) -> None:
    """Waits until `probe` returns None; what it returns meanwhile is shown as progress when it changes."""
    deadline, shown = time.monotonic() + seconds, ""
    while True:
        state = probe()
        if state is None:
            return
        if state != shown:
            say(f"   … {state}")
            shown = state
        if time.monotonic() > deadline:
            raise StepFailed(f"waited {seconds:.0f} s for {what}; the last state was: {state}")
        time.sleep(every)


def expect(holds: bool, sentence: str) -> None:
    """A check of the demo: it holds, or the demo ends with an error."""
    if not holds:
        raise StepFailed(f"expected: {sentence}")
    say(f"   ✓ {sentence}")
