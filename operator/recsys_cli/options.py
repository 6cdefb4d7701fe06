"""Arguments and options that the commands share, and what may follow them."""

from typing import Annotated

import typer

from recsys_cli.kubectl import Kubectl
from recsys_cli.output import FORMATS
from recsys_cli.problems import Problem


def complete_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of Deployments, asked of the cluster; none when it does not answer."""
    asked = kubectl(ctx, *(ctx.params.get(name) or "" for name in ("namespace", "context", "kubeconfig")))
    try:
        return [name for name in asked.names() if name.startswith(incomplete)]
    except Problem:
        return []


def complete_namespaces(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of namespaces."""
    asked = kubectl(ctx, "", ctx.params.get("context") or "", ctx.params.get("kubeconfig") or "")
    return _lines(asked, incomplete, "get", "namespaces", "--output=jsonpath={.items[*].metadata.name}")


def complete_contexts(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of contexts."""
    asked = kubectl(ctx, "", "", ctx.params.get("kubeconfig") or "")
    return _lines(asked, incomplete, "config", "get-contexts", "--output=name")


def complete_formats(incomplete: str) -> list[str]:
    """What --output takes."""
    return [name for name in FORMATS if name.startswith(incomplete)]


def _lines(asked: Kubectl, incomplete: str, *arguments: str) -> list[str]:
    try:
        return [word for word in asked.start(*arguments).text().split() if word.startswith(incomplete)]
    except Problem:
        return []


Name = Annotated[str, typer.Argument(help="The Deployment, a rdep.", autocompletion=complete_names)]
Namespace = Annotated[
    str,
    typer.Option(
        "--namespace",
        "-n",
        metavar="NAME",
        help="Its namespace; the context's when absent.",
        autocompletion=complete_namespaces,
    ),
]
Context = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="The kubeconfig context; the current one when absent.", autocompletion=complete_contexts
    ),
]
Kubeconfig = Annotated[str, typer.Option(metavar="FILE", help="The kubeconfig file.")]
Output = Annotated[
    str,
    typer.Option("--output", "-o", metavar="json|yaml", help="For programs.", autocompletion=complete_formats),
]
Timeout = Annotated[
    str, typer.Option(metavar="SPAN", help="Give up watching after this, such as 90s or 10m: exit code 5.")
]


def kubectl(ctx: typer.Context, namespace: str = "", context: str = "", kubeconfig: str = "") -> Kubectl:
    """kubectl by the options of the command, else by those that stand before it."""
    before = ctx.obj if isinstance(ctx.obj, Kubectl) else Kubectl()
    return Kubectl(context or before.context, namespace or before.namespace, kubeconfig or before.kubeconfig)
