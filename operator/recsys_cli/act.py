"""The commands that write an annotation and wait for the operator's answer."""

import sys

from recsys_cli import documents, output
from recsys_cli.commands import annotation
from recsys_cli.line import Line
from recsys_cli.problems import Exit
from recsys_cli.sending import wait, write


def send(line: Line) -> Exit:
    """Write a command, and tell what the operator makes of it."""
    verb, full = line.command, line.full
    one, value = write(line.kubectl, line.name, verb, line.number, full=full)
    said = None if line.no_wait else wait(line.kubectl, one, verb, value, full=full, patience=line.patience)
    key = annotation(verb, full=full)
    done = said is None or said.outcome == "Done"
    if line.output:
        output.emit(documents.command(one, key.partition("/")[2], value, said), line.output)
    elif said is None:
        print(f"{one.place}: wrote {key}={value}; the operator's answer will stand in status.commands.")
    else:
        print(f"{one.place}: {said.outcome}. {said.message}", file=sys.stdout if done else sys.stderr)
    return Exit.DONE if done else Exit.IGNORED
