"""Following a rollout: kubectl's watches feed a queue, and each change is drawn or told."""

import queue
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from recsys_cli.endings import Ending, ending, seen
from recsys_cli.fields import Json
from recsys_cli.kubectl import DEPLOYMENTS, Forbidden, Kubectl, Running, events, pods_of, problem
from recsys_cli.output import console
from recsys_cli.problems import Exit, Problem
from recsys_cli.read import pod, rollout
from recsys_cli.steps import where
from recsys_cli.times import now
from recsys_cli.values import Pod, Rollout

REDRAW = 0.5
"""Seconds after which bars are drawn again although nothing happened."""
BACK_OFF = (1.0, 10.0)
"""Seconds before a watch that ended is begun again: at first, and at most while it fails again and again."""


Inbox = queue.Queue[tuple[str, str, Json | Problem]]
"""Whose event, which event, and the object."""


@dataclass(slots=True)
class Feed:
    """One `kubectl get --watch` after the other; `put` gets its events, or what went wrong."""

    start: Callable[[], Running]
    put: Callable[[str, Json | Problem], None]
    running: Running | None = field(default=None)
    stopped: bool = field(default=False)

    def run(self) -> None:
        """Until `stop`, or until it turns out that the user may not look."""
        shortest, longest = BACK_OFF
        pause = shortest
        while not self.stopped:
            try:
                self.running = self.start()
                for kind, obj in events(self.running):
                    self.put(kind, obj)
                    pause = shortest
                _, err = self.running.process.communicate()
                if self.running.process.returncode:
                    raise problem(err)
            except Problem as error:
                if not self.stopped:
                    self.put("FAILED", error)
                if isinstance(error, Forbidden):
                    return
            if not self.stopped:
                time.sleep(pause)
                pause = min(longest, pause * 2)

    def stop(self) -> None:
        """End kubectl; the thread follows."""
        self.stopped = True
        if self.running:
            self.running.process.kill()


@dataclass(slots=True)
class Scene:
    """What is known now."""

    rollout: Rollout
    pods: dict[str, Pod] | None = field(default_factory=dict)
    trouble: str = ""

    def take(self, source: str, kind: str, found: Json | Problem) -> None:
        """One event; raises `Problem` when the Deployment is deleted, or may not be looked at."""
        if isinstance(found, Problem):
            if isinstance(found, Forbidden):
                if source == "deployment":
                    raise found
                self.pods = None
            else:
                self.trouble = str(found)
            return
        self.trouble = ""
        if source == "deployment":
            if kind == "DELETED":
                raise Problem(f"{self.rollout.place} was deleted.")
            self.rollout = rollout(found)
        elif self.pods is not None:
            one = pod(found)
            if kind == "DELETED":
                self.pods.pop(one.name, None)
            else:
                self.pods[one.name] = one

    def listed(self) -> list[Pod] | None:
        """The pods in their order."""
        return None if self.pods is None else sorted(self.pods.values(), key=lambda one: (one.created or "", one.name))


def watch(kubectl: Kubectl, first: Rollout, timeout: float | None) -> Ending:
    """Show the rollout until it ends."""
    inbox: Inbox = queue.Queue()
    feeds = [
        Feed(
            lambda: kubectl.watch(DEPLOYMENTS, f"--field-selector=metadata.name={first.name}"),
            lambda kind, found: inbox.put(("deployment", kind, found)),
        ),
        Feed(
            lambda: kubectl.watch(*pods_of(first.name)),
            lambda kind, found: inbox.put(("pods", kind, found)),
        ),
    ]
    for feed in feeds:
        threading.Thread(target=feed.run, daemon=True).start()
    try:
        show = _draw if sys.stdout.isatty() else _tell
        return show(Scene(first), inbox, None if timeout is None else time.monotonic() + timeout)
    finally:
        for feed in feeds:
            feed.stop()


def _next(scene: Scene, inbox: Inbox, end: float | None) -> None:
    """Take what there is; wait a moment for it. Raises `Problem` when time is up."""
    if end is not None and time.monotonic() >= end:
        state = scene.rollout.ready
        raise Problem(f"The rollout of {scene.rollout.place} has not ended in time: {state.message}", Exit.TIMEOUT)
    wait = REDRAW if end is None else max(0.01, min(REDRAW, end - time.monotonic()))
    try:
        scene.take(*inbox.get(timeout=wait))
        while True:
            scene.take(*inbox.get_nowait())
    except queue.Empty:
        return


def _draw(scene: Scene, inbox: Inbox, end: float | None) -> Ending:
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    from recsys_cli.tree import picture

    terminal, before = console(), seen(scene.rollout)
    with Live(console=terminal, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
        while True:
            drawn = picture(scene.rollout, scene.listed(), now(), terminal)
            trouble = [Text(scene.trouble, "red")] if scene.trouble else []
            live.update(Group(drawn, *trouble), refresh=True)
            if found := ending(scene.rollout, before):
                return found
            _next(scene, inbox, end)


def _tell(scene: Scene, inbox: Inbox, end: float | None) -> Ending:
    """One line a change, for logs and pipes."""
    before, last = seen(scene.rollout), ""
    while True:
        line = scene.trouble or _line(scene.rollout)
        if line != last:
            print(f"{now():%Y-%m-%dT%H:%M:%SZ} {line}", flush=True)
            last = line
        if found := ending(scene.rollout, before):
            return found
        _next(scene, inbox, end)


def _line(one: Rollout) -> str:
    shares = [f"v{served.version} {served.weight} %" for served in (one.tried, one.stable) if served]
    step = where(one)
    words = [", ".join(shares), f"step {step}" if step else "", f"{one.ready.reason}: {one.ready.message}"]
    return "; ".join(word for word in words if word)
