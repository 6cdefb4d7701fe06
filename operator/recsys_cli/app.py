"""All commands and their options, as Typer takes them: for help, completion, and whatever is not plain."""

from collections.abc import Callable
from typing import Annotated

import typer

from recsys_cli.commands import VERBS
from recsys_cli.kubectl import Kubectl
from recsys_cli.line import ANSWER_TIMEOUT, Line
from recsys_cli.options import Context, Kubeconfig, Name, Namespace, Output, Timeout, complete_names, kubectl
from recsys_cli.words import Command, Group

app = typer.Typer(
    cls=Group,
    help="Watch and steer the rollouts of recommendation models.",
    epilog="Exit codes: 0 done, 1 error, 2 usage, 3 ignored by the operator, 4 rolled back or aborted, 5 timeout.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def before(ctx: typer.Context, namespace: Namespace = "", context: Context = "", kubeconfig: Kubeconfig = "") -> None:
    """Watch and steer the rollouts of recommendation models."""
    ctx.obj = Kubectl(context, namespace, kubeconfig)


@app.command(cls=Command, short_help="List Deployments with their versions and status.")
def get(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Only this one.", autocompletion=complete_names)] = "",
    all_namespaces: Annotated[bool, typer.Option("--all-namespaces", "-A", help="Of all namespaces.")] = False,
    selector: Annotated[str, typer.Option("--selector", "-l", metavar="LABELS", help="Only with these labels.")] = "",
    output: Output = "",
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """List Deployments with their versions, weight, step and status."""
    place = kubectl(ctx, namespace, context, kubeconfig)
    _run(Line("get", name, place, output, selector=selector, all_namespaces=all_namespaces))


@app.command(cls=Command, short_help="Versions, pods, weights, steps, analysis; -w to watch.")
def status(
    ctx: typer.Context,
    name: Name,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Go on until the rollout ends; the exit code tells how.")
    ] = False,
    timeout: Timeout = "",
    output: Output = "",
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """Show versions, pods, weights, steps and analysis of a Deployment; -w until the rollout ends."""
    _run(Line("status", name, kubectl(ctx, namespace, context, kubeconfig), output, timeout, watch=watch))


@app.command(cls=Command, short_help="The rollouts that are over, the newest first.")
def history(
    ctx: typer.Context,
    name: Name,
    output: Output = "",
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """List the rollouts that are over, the newest first: from, to, verdict, cause."""
    _run(Line("history", name, kubectl(ctx, namespace, context, kubeconfig), output))


@app.command(cls=Command, short_help="Why is this not serving the newest version?")
def why(
    ctx: typer.Context,
    name: Name,
    output: Output = "",
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """Say in one paragraph why a Deployment does not serve the newest version."""
    _run(Line("why", name, kubectl(ctx, namespace, context, kubeconfig), output))


Version = Annotated[str, typer.Option(metavar="N", help="The version; what the status shows when absent.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Do not wait for the operator's answer.")]
Answer = Annotated[
    str, typer.Option(metavar="SPAN", help=f"How long to wait for the operator's answer; {ANSWER_TIMEOUT} when absent.")
]


def promote(
    ctx: typer.Context,
    name: Name,
    full: Annotated[bool, typer.Option("--full", help="Skip all steps that are left.")] = False,
    version: Version = "",
    no_wait: NoWait = False,
    timeout: Answer = "",
    output: Output = "",
    namespace: Namespace = "",
    context: Context = "",
    kubeconfig: Kubeconfig = "",
) -> None:
    """Let the canary go on."""
    place = kubectl(ctx, namespace, context, kubeconfig)
    _run(Line("promote", name, place, output, timeout, version, full=full, no_wait=no_wait))


def verb(command: str) -> Callable[..., None]:
    """The command of this name; all but promote have the same options."""

    def run(
        ctx: typer.Context,
        name: Name,
        version: Version = "",
        no_wait: NoWait = False,
        timeout: Answer = "",
        output: Output = "",
        namespace: Namespace = "",
        context: Context = "",
        kubeconfig: Kubeconfig = "",
    ) -> None:
        place = kubectl(ctx, namespace, context, kubeconfig)
        _run(Line(command, name, place, output, timeout, version, no_wait=no_wait))

    return run


for _name, _about in VERBS.items():
    _command = promote if _name == "promote" else verb(_name)
    app.command(_name, cls=Command, help=_about.help, short_help=_about.short)(_command)


def _run(line: Line) -> None:
    raise typer.Exit(line.run())
