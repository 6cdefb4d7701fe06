"""What may follow an argument or option, asked of the cluster; nothing when it does not answer."""

from typing import Any

import typer

from recsys_cli.kubectl import DEPLOYMENTS, Kubectl
from recsys_cli.output import FORMATS
from recsys_cli.problems import Problem


def kubectl(ctx: typer.Context, namespace: str = "", context: str = "", kubeconfig: str = "") -> Kubectl:
    """kubectl by the options of the command, else by those that stand before it."""
    before = ctx.obj if isinstance(ctx.obj, Kubectl) else Kubectl()
    return Kubectl(context or before.context, namespace or before.namespace, kubeconfig or before.kubeconfig)


def _deployments(ctx: typer.Context, incomplete: str) -> list[str]:
    path = "--output=jsonpath={.items[*].metadata.name}"
    return _words(ctx, incomplete, ("namespace", "context", "kubeconfig"), "get", DEPLOYMENTS, path)


def _namespaces(ctx: typer.Context, incomplete: str) -> list[str]:
    path = "--output=jsonpath={.items[*].metadata.name}"
    return _words(ctx, incomplete, ("context", "kubeconfig"), "get", "namespaces", path)


def _contexts(ctx: typer.Context, incomplete: str) -> list[str]:
    return _words(ctx, incomplete, ("kubeconfig",), "config", "get-contexts", "--output=name")


def _formats(incomplete: str) -> list[str]:
    return [name for name in FORMATS if name.startswith(incomplete)]


def _words(ctx: typer.Context, incomplete: str, places: tuple[str, ...], *arguments: str) -> list[str]:
    asked = kubectl(ctx, **{name: ctx.params.get(name) or "" for name in places})
    try:
        return [word for word in asked.start(*arguments).text().split() if word.startswith(incomplete)]
    except Problem:
        return []


COMPLETIONS: dict[str, Any] = {
    "name": _deployments,
    "namespace": _namespaces,
    "context": _contexts,
    "output": _formats,
}
"""By the name of the argument or option."""
