"""The process that sends: requests as lines of JSON on standard input, one answer a line on standard output.

The first line says that it is ready.

Apprise blocks, knows a hundred services and takes 50 MB: it lives here and not in the operator, which ends this process
when it has nothing to send, and kills it when a service hangs. Addresses come by the pipe and leave it nowhere else: an
answer is one of a few words and digits, never the text of a library, which may quote an address.
"""

import json
import logging
import os
import re
import sys
import threading
from typing import Any, TextIO

from recsys_operator.clock import clock

READY = 0
"""The id of the first line, which says that requests are taken from now on."""
TOO_LATE = "NotLeading"
"""The outcome of what is not sent, because another operator may lead by now."""
CODES = (
    ("Http", re.compile(r"\berror=(\d{3})\b")),
    ("Smtp", re.compile(r"Socket Exception: .*?\(?(\d{3}), b['\"]")),
)
WORDS = (
    ("TimedOut", re.compile(r"timed? ?out", re.IGNORECASE)),
    ("ConnectionRefused", re.compile(r"refused", re.IGNORECASE)),
    ("TlsFailed", re.compile(r"certificate|\bSSL", re.IGNORECASE)),
    ("NoSuchHost", re.compile(r"name resolution|getaddrinfo|name or service not known", re.IGNORECASE)),
)


def main() -> int:
    """Answer requests until standard input ends; what is under way then is given up."""
    os.nice(10)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    sys.stdout = sys.stderr
    import apprise

    log = Log()
    logger = logging.getLogger("apprise")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.handlers[:] = [log]
    # Loads all services, which is not safe in several threads.
    apprise.Apprise.instantiate("json://localhost")
    lock = threading.Lock()
    print(json.dumps({"id": READY}), file=answers, flush=True)
    for line in sys.stdin:
        threading.Thread(target=_answer, args=(json.loads(line), log, answers, lock), daemon=True).start()
    return 0


def _answer(request: dict[str, Any], log: "Log", answers: TextIO, lock: threading.Lock) -> None:
    try:
        outcome = send(request, log)
    except Exception:
        outcome = "SenderFailed"
    with lock:
        answers.write(json.dumps({"id": request["id"], "outcome": outcome}) + "\n")
        answers.flush()


def send(request: dict[str, Any], log: "Log") -> str:
    """Send one message: empty when it was taken, else why not, as one word."""
    import apprise

    service = apprise.Apprise(asset=apprise.AppriseAsset(app_id="recsys-operator", async_mode=False))
    if not service.add(request["address"]):
        return "BadAddress"
    log.begin()
    if clock() >= request["until"]:
        return TOO_LATE
    taken = service.notify(
        title=request["title"],
        body=request["body"],
        notify_type=apprise.NotifyType(request["kind"]),
        body_format=apprise.NotifyFormat.TEXT,
    )
    return "" if taken else log.cause()


class Log(logging.Handler):
    """What Apprise logs, by thread; only a code or the kind of an error is taken from it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._local = threading.local()

    def begin(self) -> None:
        """Forget what this thread has logged."""
        self._local.lines = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        if hasattr(self._local, "lines"):
            self._local.lines.append(record.getMessage())

    def cause(self) -> str:
        """Why the last message of this thread was not taken."""
        lines = [line for line in self._local.lines if "Payload" not in line]
        text = "\n".join(lines)
        for word, pattern in CODES:
            if found := pattern.search(text):
                return f"{word}{found[1]}"
        return next((word for word, pattern in WORDS if pattern.search(text)), "NotTaken")


if __name__ == "__main__":
    sys.exit(main())
