"""Whether this server copies requests to a shadow, and where to: a file that the operator's ConfigMap projects.

The file changes while the pod runs, so that a shadow comes and goes without a restart. It may be missing.
"""

import json
import re
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path

_TOKEN = re.compile(r"[A-Za-z0-9_-]{32,128}")


class BadShadowConfig(Exception):
    """The file does not describe a shadow. The message is a sentence for the log."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where one revision copies requests to, and what the other knows it by."""

    host: str
    port: int
    path: str
    sender: str
    """The revision that is to send; the ConfigMap is mounted by the pods of all revisions."""
    receiver: str
    """The revision that is to compare; a server of another one refuses."""
    percent: int
    """Share of the answered requests."""
    token: str = field(repr=False)
    """What each batch must bear. Only the pods that mount the file know it."""


def read(path: Path) -> Target | None:
    """What the file asks for; None when there is no shadow. Raises BadShadowConfig."""
    try:
        text = path.read_text()
    except OSError:
        return None
    return parse(text)


def parse(text: str) -> Target | None:
    """`{"url", "from", "to", "percent", "token"}`, or `{}` for no shadow."""
    try:
        document = json.loads(text)
        if document == {}:
            return None
        url = urllib.parse.urlsplit(str(document["url"]))
        percent = document["percent"]
        sender, receiver, token = document["from"], document["to"], document["token"]
        port = url.port or 80
    except (ValueError, KeyError, TypeError) as error:
        raise BadShadowConfig(f"It is not a shadow's configuration: {error!r}.") from error
    if url.scheme != "http" or not url.hostname:
        raise BadShadowConfig(f"Its url is {document['url']!r}: it must be http://<host>[:<port>]/<path>.")
    if isinstance(percent, bool) or not isinstance(percent, int) or not 1 <= percent <= 100:
        raise BadShadowConfig(f"Its percent is {percent!r}: it must be a whole number from 1 to 100.")
    if not (isinstance(sender, str) and isinstance(receiver, str) and sender and receiver):
        raise BadShadowConfig("Its from and to must be names of revisions.")
    if not (isinstance(token, str) and _TOKEN.fullmatch(token)):
        raise BadShadowConfig("Its token must be 32 to 128 characters of A-Z a-z 0-9 _ -.")
    return Target(url.hostname, port, url.path or "/", sender, receiver, percent, token)
