"""The picture of one rollout: versions with weight and pods, steps, analysis, blocks."""

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from recsys_cli.output import style
from recsys_cli.steps import Step, listed
from recsys_cli.times import age, clock, instant, span
from recsys_cli.values import Analysis, Pod, Rollout, Served

BAR = 24
MARKS = {"Done": "✔", "Now": "▸", "Next": "·", "Skipped": "·", "Good": "✔", "Bad": "✘", "Wait": "…"}
ASCII_MARKS = {"Done": "+", "Now": ">", "Next": ".", "Skipped": ".", "Good": "+", "Bad": "x", "Wait": "~"}
STYLES = {
    "Done": "green",
    "Now": "bold cyan",
    "Next": "dim",
    "Skipped": "dim",
    "Good": "green",
    "Bad": "red",
    "Wait": "yellow",
}
PHASES = {"Passed": "Good", "Failed": "Bad", "Error": "Bad"}
TOLD_BLOCKS = 5


def picture(rollout: Rollout, pods: Sequence[Pod] | None, at: datetime, console: Console) -> RenderableType:
    """The whole picture; `pods` is None where they may not be read."""
    return _Painter(rollout, pods, at, ascii_only=console.options.ascii_only).whole()


class _Painter:
    def __init__(self, rollout: Rollout, pods: Sequence[Pod] | None, at: datetime, *, ascii_only: bool) -> None:
        self.rollout, self.pods, self.at = rollout, pods, at
        self.marks = ASCII_MARKS if ascii_only else MARKS
        shown = [one.version for one in (rollout.tried, rollout.stable, rollout.previous) if one]
        self.width = max((len(f"v{number}") for number in shown), default=0)
        self.full, self.empty = ("#", "-") if ascii_only else ("━", "─")

    def whole(self) -> RenderableType:
        rollout = self.rollout
        tree = Tree("", hide_root=True, guide_style="dim")
        for served in (rollout.tried, rollout.stable, rollout.previous):
            if served:
                self._served(tree, served)
        if rollout.blocked:
            branch = tree.add(Text("blocked", "bold"))
            for block in rollout.blocked[: -TOLD_BLOCKS - 1 : -1]:
                branch.add(
                    Text(f"v{block.version} {block.cause} {age(block.time, self.at)} ago: {block.message}", "red")
                )
            if len(rollout.blocked) > TOLD_BLOCKS:
                branch.add(Text(f"and {len(rollout.blocked) - TOLD_BLOCKS} before", "dim"))
        return Group(*self._head(), tree)

    def _head(self) -> list[Text]:
        rollout, ready = self.rollout, self.rollout.ready
        asked = f"pins version {rollout.pin}" if rollout.pin is not None else f"follows {rollout.follow}"
        first = Text.assemble((f"{rollout.namespace}/{rollout.name}", "bold"), f"  model {rollout.model}, {asked}")
        if rollout.url:
            first.append(f"  {rollout.url}", "dim")
        said = Text.assemble((ready.reason or "No status yet", f"bold {style(ready.reason)}"), f"  {ready.message}")
        heads = [first, said]
        if not rollout.current:
            heads.append(Text(f"The operator has not acted on generation {rollout.generation} yet.", "yellow"))
        return heads

    def _served(self, tree: Tree, served: Served) -> None:
        rollout, canary = self.rollout, self.rollout.canary
        role = {"canary": "bold cyan", "stable": "bold green"}.get(served.role, "bold")
        line = Text.assemble((f"v{served.version}".ljust(self.width), "bold"), " ", (served.role, role), "  ")
        if served.role == "previous":
            until = instant(served.until)
            left = f", {span((until - self.at).total_seconds())} left" if until else ""
            line.append(f"warm until {clock(served.until)}{left}  ")
        else:
            line.append(f"{served.weight:3d} % ").append(self._bar(served.weight / 100)).append("  ")
        line.append(self._ready(served))
        if served.since:
            line.append(f"  {age(served.since, self.at)}", "dim")
        if served.role == "canary" and canary:
            if canary.reverting:
                line.append("  way back, no steps", "yellow")
            if canary.held:
                line.append("  held", "yellow")
            if canary.abort:
                line.append(f"  taken back: {canary.abort.cause}", "red")
        branch = tree.add(line)
        if served.role == "canary" and canary:
            for step in listed(rollout, self.at):
                branch.add(self._step(step))
            if canary.analysis:
                leaf = branch.add(Text("analysis", "bold"))
                for one in canary.analysis:
                    leaf.add(self._analysis(one))
        for pod in self.pods or ():
            if pod.revision == served.revision:
                branch.add(self._pod(pod))

    def _ready(self, served: Served) -> Text:
        wanted = self.rollout.wanted(served.role)
        if wanted is None:
            count = f"{served.ready} pod{'' if served.ready == 1 else 's'} ready"
            return Text(count, "green" if served.ready else "yellow")
        return Text(f"{served.ready}/{wanted} pods ready", "green" if served.ready >= wanted else "yellow")

    def _step(self, step: Step) -> Text:
        line = Text(f"{self.marks[step.state]} {step.number} {step.text}", STYLES[step.state])
        if step.progress is not None:
            line.append("  ").append(self._bar(step.progress))
        if step.note:
            line.append(f"  {step.note}", "yellow" if step.progress is None else "")
        if step.state == "Skipped":
            line.append("  skipped")
        return line

    def _analysis(self, one: Analysis) -> Text:
        mark = PHASES.get(one.phase, "Wait")
        line = Text.assemble(
            (f"{self.marks[mark]} ", STYLES[mark]), (one.name, "bold"), " ", (one.phase, style(one.phase))
        )
        told = (("", one.value), ("stable ", one.stable), ("threshold ", one.threshold))
        parts = [f"{what}{value}" for what, value in told if value]
        if one.samples:
            parts.append(f"{one.samples} samples")
        if one.step:
            parts.append(f"step {one.step}")
        line.append("  " + ", ".join(parts) if parts else "")
        if one.message and one.phase != "Passed":
            line.append(f"  {one.message}", STYLES[mark])
        return line

    def _pod(self, pod: Pod) -> Text:
        mark = "Good" if pod.ready else "Wait" if pod.state in ("Running", "Pending", "ContainerCreating") else "Bad"
        line = Text.assemble((f"{self.marks[mark]} ", STYLES[mark]), f"pod {pod.name}  ", (pod.state, STYLES[mark]))
        if pod.restarts:
            line.append(f"  {pod.restarts} restart{'s' if pod.restarts > 1 else ''}", "yellow")
        line.append(f"  {age(pod.created, self.at)}", "dim")
        return line

    def _bar(self, fraction: float) -> Text:
        filled = round(max(0.0, min(1.0, fraction)) * BAR)
        return Text.assemble((self.full * filled, "cyan"), (self.empty * (BAR - filled), "dim"))
