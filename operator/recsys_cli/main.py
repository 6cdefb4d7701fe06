"""Where `kubectl recsys` begins, and where kubectl's own completion asks."""

import contextlib
import io
import os
import shlex
import sys

from recsys_cli import quick
from recsys_cli.problems import Exit, Problem

COMPLETE = "_KUBECTL_RECSYS_COMPLETE"
NO_FILES = ":4"
"""The last line of a completion for kubectl: names of files are none of our words."""
INTERRUPTED = 130


def main() -> None:
    """Run a command and exit with its code."""
    words = sys.argv[1:]
    # A shell's completion is by the name of the program; kubectl's is in `complete`.
    own = COMPLETE in os.environ or any(word.endswith("-completion") for word in words)
    line = None if own else quick.parse(words)
    try:
        if line:
            code = line.run()
            sys.stdout.flush()
            sys.exit(int(code))
        from recsys_cli.app import app

        app(prog_name="kubectl-recsys" if own else "kubectl recsys")
    except Problem as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(int(problem.code))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Who read has seen enough; what Python flushes at its end goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(int(Exit.ERROR))


def complete() -> None:
    """`kubectl_complete-recsys WORD…`: kubectl asks it for what may follow `kubectl recsys`."""
    words = sys.argv[1:]
    os.environ |= {
        COMPLETE: "complete_fish",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_ARGS": " ".join(["kubectl-recsys", *(shlex.quote(word) if word else "" for word in words)]),
    }
    sys.argv = ["kubectl-recsys"]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        main()
    print(*filter(None, said.getvalue().splitlines()), NO_FILES, sep="\n")
