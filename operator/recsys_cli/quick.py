"""Understands plain command lines without Typer, whose import takes longer than all that a command does itself.

Whatever is not plain (help, completion, a mistake, a rare spelling) is left to Typer, which says what is wrong with it.
A test holds both against each other.
"""

from collections.abc import Sequence
from typing import Any

from recsys_cli.kubectl import Kubectl
from recsys_cli.line import READS, VERBS, Line

PLACES = {"-n": "namespace", "--namespace": "namespace", "--context": "context", "--kubeconfig": "kubeconfig"}
OUTPUT = {"-o": "output", "--output": "output"}
WAIT = {"--timeout": "timeout"}
ALL = {"-A": "all_namespaces", "--all-namespaces": "all_namespaces"}
TEXTS = {
    "get": {**OUTPUT, "-l": "selector", "--selector": "selector"},
    "status": {**OUTPUT, **WAIT},
    "history": OUTPUT,
    "why": OUTPUT,
    **{verb: {**OUTPUT, **WAIT, "--version": "version"} for verb in VERBS},
}
FLAGS = {
    "get": ALL,
    "status": {"-w": "watch", "--watch": "watch"},
    **{verb: {"--no-wait": "no_wait"} for verb in VERBS},
    "promote": {"--no-wait": "no_wait", "--full": "full"},
}
"""What each command takes, by its name in `Line`."""


def parse(words: Sequence[str]) -> Line | None:
    """The command line; None where it is not plain."""
    command = ""
    names: list[str] = []
    places: dict[str, str] = {}
    given: dict[str, Any] = {}
    left = list(words)
    while left:
        word = left.pop(0)
        option, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if option in PLACES or option in TEXTS.get(command, {}):
            value = value if equals else left.pop(0) if left else ""
            if not value or value.startswith("-"):
                return None
            if option in PLACES:
                places[PLACES[option]] = value
            else:
                given[TEXTS[command][option]] = value
        elif word in FLAGS.get(command, {}):
            given[FLAGS[command][word]] = True
        elif word.startswith("-") or not word:
            return None
        elif not command and word in (*READS, *VERBS):
            command = word
        elif command:
            names.append(word)
        else:
            return None
    if not command or len(names) > 1 or (command != "get" and not names):
        return None
    return Line(command, "".join(names), Kubectl(**places), **given)
