"""How an attempt fails: the reason, sentence and log that end up in the TrainingRun's status, and the exit code."""

import json
import logging
import os
import re
from pathlib import Path

TERMINATION_LOG = "/dev/termination-log"
LIMIT = 4096
"""The kubelet keeps this many bytes of a termination message."""

OUT_OF_MEMORY = "OutOfMemory"
"""Reason of a process of a pod that the kernel killed for its memory, where no pod ends by that."""

CANNOT_HEAL = 2
RETRY = 1
SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|KEY", re.IGNORECASE)
SECRET = re.compile(
    r"(?i:bearer )\S+|\beyJ[\w-]{10,}\.[\w-]+\.[\w-]+|\bya29\.[\w.-]+"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
)
"""An Authorization header's value, a token of a ServiceAccount or of Google Cloud, or a private key, of which the end
may be lacking."""
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class AttemptFailed(Exception):
    """Ends the attempt. `reason` is CamelCase, `message` a sentence; with `heals` the Job may try again.

    `log` is the traceback, or the lines of a log, that whoever looks for the cause needs besides the sentence; `pod`
    is the one at fault, where it is another than the trainer's own.
    """

    def __init__(self, reason: str, message: str, *, heals: bool, log: str = "", pod: str = "") -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message
        self.log = log
        self.pod = pod
        self.exit_code = RETRY if heals else CANNOT_HEAL


def write_termination_message(reason: str, message: str, log: str = "", pod: str = "") -> None:
    """Leave {"reason", "message", "log", "pod"} where the kubelet picks it up; does nothing without that file.

    The whole fits what the kubelet keeps: a long message loses its end, and the log its first lines. Without a log
    or a pod there is no such key. Values of the environment that are secret by their name, and tokens, are left out.
    """
    path = Path(os.environ.get("RECSYS_TERMINATION_LOG", TERMINATION_LOG))
    try:
        if path.exists() or "RECSYS_TERMINATION_LOG" in os.environ:
            path.write_text(_encoded(reason, _without_secrets(message), _without_secrets(log).strip(), pod))
    except OSError as error:
        logging.getLogger(__name__).warning("The termination message cannot be written to %s: %s", path, error)


def _encoded(reason: str, message: str, log: str, pod: str = "") -> str:
    of_pod = {"pod": pod} if pod else {}
    room = LIMIT - _size({"reason": reason, "message": "", "log": "", **of_pod})
    while _size(message) - 2 > (room // 2 if log else room):
        message = message[: len(message) * 9 // 10]
    told = {"reason": reason, "message": message, **of_pod}
    if log:
        told["log"] = _end(log, room - (_size(message) - 2))
    return json.dumps(told)


def _end(log: str, room: int) -> str:
    """The last lines that fit into so many bytes of JSON; the end of the last one when it does not fit."""
    lines = log.splitlines()
    kept: list[str] = []
    left = room
    for line in reversed(lines):
        left -= _size(line if not kept else line + "\n") - 2
        if left < 0:
            break
        kept.append(line)
    if kept:
        return "\n".join(reversed(kept))
    text = lines[-1][-room:]
    while _size(text) - 2 > room:
        text = text[len(text) - len(text) * 9 // 10 :]
    return text


def _size(value: str | dict[str, str]) -> int:
    """Bytes of JSON, which is ASCII."""
    return len(json.dumps(value))


def _without_secrets(text: str) -> str:
    # A file that a Secret was made from ends with a newline, and what is quoted does not.
    secrets = [(value.strip(), name) for name, value in os.environ.items() if SECRET_NAME.search(name)]
    # The longest first: one may begin as another one does.
    for value, name in sorted(secrets, key=lambda secret: -len(secret[0])):
        if len(value) >= 6:
            text = text.replace(value, f"[{name}]")
    return SECRET.sub("[secret]", COLOUR.sub("", text))
