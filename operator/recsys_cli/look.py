"""The commands that read: get, status, history, why."""

import sys

from recsys_cli import documents, output, tables
from recsys_cli.kubectl import DEPLOYMENTS, RECMODELS, TRAININGRUNS, NotFound, Running
from recsys_cli.line import Line
from recsys_cli.problems import Exit, Problem
from recsys_cli.read import failed_gates, model, pod, rollout
from recsys_cli.times import now
from recsys_cli.values import Model, Pod, Rollout


def get(line: Line) -> Exit:
    """A table of Deployments."""
    kubectl = line.kubectl
    if line.name:
        found = [_one(line, kubectl.get(DEPLOYMENTS, line.name))]
    else:
        every = ["--all-namespaces"] if line.all_namespaces else []
        chosen = [f"--selector={line.selector}"] if line.selector else []
        found = [rollout(obj) for obj in kubectl.get(DEPLOYMENTS, *every, *chosen).items()]
    if line.output:
        rows = [documents.row(one) for one in found]
        output.emit(rows[0] if line.name else rows, line.output)
    elif found:
        output.columns(*tables.deployments(found, now(), namespaces=line.all_namespaces))
    else:
        place = "any namespace" if line.all_namespaces else f"namespace {kubectl.current_namespace()}"
        labels = f" with the labels {line.selector}" if line.selector else ""
        print(f"There is no Deployment of recsys.dev{labels} in {place}.", file=sys.stderr)
    return Exit.DONE


def status(line: Line) -> Exit:
    """The picture of one rollout, once or until it ends."""
    reading = line.kubectl.get(DEPLOYMENTS, line.name)
    if line.watch:
        from recsys_cli.watch import watch

        end = watch(line.kubectl, _one(line, reading), line.patience)
        print(end.message, file=sys.stdout if end.code is Exit.DONE else sys.stderr)
        return end.code
    reading_pods = line.kubectl.pods(line.name)
    if line.output:
        one = _one(line, reading)
        output.emit(documents.status(one, _pods(reading_pods), now()), line.output)
        return Exit.DONE
    # Both reads are under way while this is loaded.
    from recsys_cli.tree import picture

    console = output.console()
    one = _one(line, reading)
    console.print(picture(one, _pods(reading_pods), now(), console))
    return Exit.DONE


def history(line: Line) -> Exit:
    """The rollouts that are over, the newest first."""
    one = _one(line, line.kubectl.get(DEPLOYMENTS, line.name))
    if line.output:
        output.emit([documents.ended(entry) for entry in reversed(one.history)], line.output)
    elif one.history:
        output.columns(*tables.history(one, now()))
    else:
        print(f"{one.place} has no rollout behind it.", file=sys.stderr)
    return Exit.DONE


def why(line: Line) -> Exit:
    """One paragraph: why is this not serving the newest version?"""
    from recsys_cli.why import asks_for
    from recsys_cli.why import why as paragraph

    reading, reading_models = line.kubectl.get(DEPLOYMENTS, line.name), line.kubectl.get(RECMODELS)
    one = _one(line, reading)
    models = [model(obj) for obj in reading_models.items()]
    its = next((found for found in models if found.name == one.model), None)
    text = paragraph(one, its, _failed(line, its), now())
    if line.output:
        newest = its.newest.number if its and its.newest else None
        document = {**documents.row(one), "newest": newest, "asksFor": asks_for(one, its), "why": text}
        output.emit({name: value for name, value in document.items() if value is not None}, line.output)
    elif sys.stdout.isatty():
        output.console().print(text)
    else:
        print(text)
    return Exit.DONE


def _one(line: Line, reading: Running) -> Rollout:
    return rollout(line.kubectl.deployment(reading, line.name))


def _pods(reading: Running) -> list[Pod] | None:
    """The pods; None where they may not be read, which leaves the rest as good as it was."""
    try:
        return [pod(obj) for obj in reading.items()]
    except Problem as error:
        print(f"Pods are not shown. {error}", file=sys.stderr)
        return None


def _failed(line: Line, its: Model | None) -> list[str]:
    """The gates that the newest version did not pass; none where its run is gone."""
    newest = its.newest if its else None
    if newest is None or newest.verdict != "Failed":
        return []
    try:
        return failed_gates(line.kubectl.get(TRAININGRUNS, newest.run).json())
    except NotFound:
        return []
