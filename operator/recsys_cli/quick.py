"""Understands plain command lines without Typer, whose import takes longer than all that a command does itself.

Whatever is not plain (help, completion, a mistake, a rare spelling) is left to Typer, which says what is wrong with it.
A test holds both against each other.
"""

from collections.abc import Sequence
from typing import Any

from recsys_cli.kubectl import Kubectl
from recsys_cli.line import Line
from recsys_cli.options import COMMANDS, PLACES


def parse(words: Sequence[str]) -> Line | None:
    """The command line; None where it is not plain."""
    command = ""
    names: list[str] = []
    places: dict[str, str] = {}
    given: dict[str, Any] = {}
    known = {spelt: one for one in PLACES for spelt in one.spelt}
    left = list(words)
    while left:
        word = left.pop(0)
        name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        option = known.get(name)
        if option and option.metavar:
            value = value if equals else left.pop(0) if left else ""
            if not value or value.startswith("-"):
                return None
            (places if option in PLACES else given)[option.name] = value
        elif option and not equals:
            given[option.name] = True
        elif word.startswith("-") or not word:
            return None
        elif command:
            names.append(word)
        elif word in COMMANDS:
            command = word
            known |= {spelt: one for one in COMMANDS[word].options for spelt in one.spelt}
        else:
            return None
    if not command or len(names) > 1 or (command != "get" and not names):
        return None
    return Line(command, "".join(names), Kubectl(**places), **given)
