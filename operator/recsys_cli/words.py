"""Typer's commands without pydantic, which Typer loads even to find that a word is a word.

That takes longer than everything else together. The attribute is Typer's own: with a release that has it no more, a
command is as slow as it would be without this, and a test fails.
"""

from typing import Any

from typer.core import TyperCommand, TyperGroup


class AsWritten:
    """Takes what was written as it is."""

    def coerce(self, value: Any, **_: Any) -> Any:
        """The value of a parameter that is a text or a flag, as all of ours are."""
        return value


def _as_written(parameters: Any) -> Any:
    for parameter in parameters:
        parameter._runtime_param = AsWritten()
    return parameters


class Command(TyperCommand):
    """A command whose parameters are texts and flags."""

    def get_params(self, ctx: Any) -> Any:
        """Its arguments and options."""
        return _as_written(super().get_params(ctx))


class Group(TyperGroup):
    """Commands, with parameters of the same sort before them."""

    def get_params(self, ctx: Any) -> Any:
        """The options that stand before a command."""
        return _as_written(super().get_params(ctx))
