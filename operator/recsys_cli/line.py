"""A command line that is understood, and its running."""

from dataclasses import dataclass, field

from recsys_cli.kubectl import Kubectl
from recsys_cli.output import FORMATS
from recsys_cli.problems import Exit, Problem
from recsys_cli.times import seconds

READS = ("get", "status", "history", "why")
VERBS = ("promote", "pause", "resume", "abort", "retry", "undo", "unblock")
ANSWER_TIMEOUT = "60s"
"""How long a command waits for the operator's answer unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Line:
    """One command with all that was said of it; texts are as they were written."""

    command: str
    name: str = ""
    kubectl: Kubectl = field(default_factory=Kubectl)
    output: str = ""
    timeout: str = ""
    version: str = ""
    selector: str = ""
    all_namespaces: bool = False
    watch: bool = False
    full: bool = False
    no_wait: bool = False

    def run(self) -> Exit:
        """Do it; raises `Problem`."""
        self._check()
        if self.command in READS:
            from recsys_cli import look

            return {"get": look.get, "status": look.status, "history": look.history, "why": look.why}[self.command](
                self
            )
        from recsys_cli import act

        return act.send(self)

    @property
    def patience(self) -> float | None:
        """Seconds of --timeout; None: for ever."""
        return seconds(self.timeout or ANSWER_TIMEOUT) if self.command in VERBS else seconds(self.timeout)

    @property
    def number(self) -> int | None:
        """The version of --version."""
        return int(self.version.removeprefix("v")) if self.version else None

    def _check(self) -> None:
        if self.output and self.output not in FORMATS:
            raise Problem(f"--output is {self.output!r}: choose json or yaml, or leave it out.", Exit.USAGE)
        if self.timeout and seconds(self.timeout) is None:
            raise Problem(f"--timeout is {self.timeout!r}: write a span such as 90s, 10m or 1h30m.", Exit.USAGE)
        digits = self.version.removeprefix("v")
        if self.version and not (digits.isdecimal() and 0 < int(digits) <= 10**9):
            raise Problem(f"--version is {self.version!r}: write the number of a version, such as 4.", Exit.USAGE)
        if self.watch and self.output:
            raise Problem("--watch draws for people and --output prints for programs: choose one.", Exit.USAGE)
