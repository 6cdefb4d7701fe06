"""The commands and their options: `quick` reads them without Typer, `app` makes Typer's of them."""

from typing import NamedTuple

from recsys_cli.line import ANSWER_TIMEOUT


class Option(NamedTuple):
    """An option; without a metavar it is a flag. `name` is its field in `Kubectl` or `Line`."""

    name: str
    help: str
    metavar: str = ""
    short: str = ""

    @property
    def spelt(self) -> list[str]:
        """As it is written."""
        return [f"--{self.name.replace('_', '-')}", *([self.short] if self.short else [])]


class Command(NamedTuple):
    """A command of these options, and of those that say where; all but `get` need a name."""

    short: str
    help: str
    options: tuple[Option, ...]


PLACES = (
    Option("namespace", "Its namespace; the context's when absent.", "NAME", "-n"),
    Option("context", "The kubeconfig context; the current one when absent.", "NAME"),
    Option("kubeconfig", "The kubeconfig file.", "FILE"),
)
"""What may also stand before a command."""

OUTPUT = (Option("output", "For programs.", "json|yaml", "-o"),)
ANSWER = (
    Option("version", "The version; what the status shows when absent.", "N"),
    Option("no_wait", "Do not wait for the operator's answer."),
    Option("timeout", f"How long to wait for the operator's answer; {ANSWER_TIMEOUT} when absent.", "SPAN"),
    *OUTPUT,
)

COMMANDS = {
    "get": Command(
        "List Deployments with their versions and status.",
        "List Deployments with their versions, weight, step and status.",
        (
            Option("all_namespaces", "Of all namespaces.", short="-A"),
            Option("selector", "Only with these labels.", "LABELS", "-l"),
            *OUTPUT,
        ),
    ),
    "status": Command(
        "Versions, pods, weights, steps, analysis; -w to watch.",
        "Show versions, pods, weights, steps and analysis of a Deployment; -w until the rollout ends.",
        (
            Option("watch", "Go on until the rollout ends; the exit code tells how.", short="-w"),
            Option("timeout", "Give up watching after this, such as 90s or 10m: exit code 5.", "SPAN"),
            *OUTPUT,
        ),
    ),
    "history": Command(
        "The rollouts that are over, the newest first.",
        "List the rollouts that are over, the newest first: from, to, verdict, cause.",
        OUTPUT,
    ),
    "why": Command(
        "Why is this not serving the newest version?",
        "Say in one paragraph why a Deployment does not serve the newest version.",
        OUTPUT,
    ),
    "promote": Command(
        "End the step that the canary waits at; --full skips all steps.",
        "End the pause, bake, analysis or shadow that the canary is at; with --full, skip all steps that are left.",
        (Option("full", "Skip all steps that are left."), *ANSWER),
    ),
    "pause": Command(
        "Hold the canary at its weight.",
        "Hold the canary at its weight until resume or promote. Rollbacks still happen.",
        ANSWER,
    ),
    "resume": Command("Let a held canary go on.", "Let a canary go on that pause holds.", ANSWER),
    "abort": Command(
        "Take the canary back at once.",
        "Take the canary back at once, and do not try its revision again.",
        ANSWER,
    ),
    "retry": Command(
        "Try a version again that was aborted or failed.",
        "Try a version again that was aborted, or whose pods failed or were late: it begins at the first step.",
        ANSWER,
    ),
    "undo": Command(
        "Go back to the version before.",
        "Block the version that serves, and go back to the one that served before.",
        ANSWER,
    ),
    "unblock": Command("Lift the block of a version.", "Lift the block of a version, whatever its cause.", ANSWER),
}
