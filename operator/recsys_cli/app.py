"""The commands as Typer takes them: for help, completion, and whatever is not plain."""

from collections.abc import Callable, Iterable
from inspect import Parameter, Signature
from typing import Annotated, Any

import typer

from recsys_cli.completion import COMPLETIONS, kubectl
from recsys_cli.kubectl import Kubectl
from recsys_cli.line import Line
from recsys_cli.options import COMMANDS, PLACES, Option
from recsys_cli.words import Command, Group

CTX = Parameter("ctx", Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)

app = typer.Typer(
    cls=Group,
    help="Watch and steer the rollouts of recommendation models.",
    epilog="Exit codes: 0 done, 1 error, 2 usage, 3 ignored by the operator, 4 rolled back or aborted, 5 timeout.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _name(command: str) -> Parameter:
    optional = command == "get"
    told = "Only this one." if optional else "The Deployment, a rdep."
    kind = Annotated[str, typer.Argument(help=told, autocompletion=COMPLETIONS["name"])]
    default = "" if optional else Parameter.empty
    return Parameter("name", Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=kind)


def _options(options: Iterable[Option]) -> list[Parameter]:
    found = []
    for one in options:
        kind = str if one.metavar else bool
        told = typer.Option(
            *one.spelt, metavar=one.metavar or None, help=one.help, autocompletion=COMPLETIONS.get(one.name)
        )
        found.append(Parameter(one.name, Parameter.KEYWORD_ONLY, default=kind(), annotation=Annotated[kind, told]))
    return found


def _before(ctx: typer.Context, **places: str) -> None:
    ctx.obj = Kubectl(**places)


def _command(command: str) -> Callable[..., None]:
    def run(ctx: typer.Context, **given: Any) -> None:
        place = kubectl(ctx, **{one.name: given.pop(one.name) for one in PLACES})
        raise typer.Exit(Line(command, kubectl=place, **given).run())

    return run


def _taking(run: Any, parameters: Iterable[Parameter]) -> Any:
    """The function with parameters that Typer can read."""
    run.__signature__ = Signature([CTX, *parameters])
    return run


app.callback()(_taking(_before, _options(PLACES)))
for _word, _about in COMMANDS.items():
    _run = _taking(_command(_word), [_name(_word), *_options((*_about.options, *PLACES))])
    app.command(_word, cls=Command, help=_about.help, short_help=_about.short)(_run)
