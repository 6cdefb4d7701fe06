"""A kubectl that serves recorded objects: put on PATH as an executable, it is told by FAKE_KUBECTL where they are.

`objects.json`: lists of objects by resource. `events.json`: what a watch sends after the objects that are there.
`answers.json`: outcome and message of each command annotation, as the operator would give them. `failures.json`: what
is said on standard error by resource (or verb). `calls`: the command lines of all calls, one a line.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

HOME = Path(os.environ["FAKE_KUBECTL"])  # A watch that outlives its test has none, and leaves nothing behind.
PREFIX = "recsys.dev/"


def read(name: str) -> Any:
    """A file's content; empty where there is none."""
    path = HOME / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def fail(message: str) -> None:
    """End as kubectl does."""
    print(message, file=sys.stderr)
    sys.exit(1)


def option(words: list[str], name: str) -> str:
    """The value of --name=value."""
    return next((word.partition("=")[2] for word in words if word.startswith(f"--{name}=")), "")


def chosen(resource: str, words: list[str], name: str) -> list[Any]:
    """The objects that are asked for."""
    found = read("objects").get(resource, [])
    namespace = option(words, "namespace") or "shop"
    if "--all-namespaces" not in words:
        found = [one for one in found if one["metadata"]["namespace"] == namespace]
    name = name or option(words, "field-selector").removeprefix("metadata.name=")
    if name:
        found = [one for one in found if one["metadata"]["name"] == name]
    key, _, value = option(words, "selector").partition("=")
    return [one for one in found if not key or one["metadata"].get("labels", {}).get(key) == value]


def answered(obj: Any) -> Any:
    """The object with what the operator makes of its annotations; None when it makes nothing of them."""
    answers = read("answers")
    records = [
        {"command": name, "argument": value, "outcome": answers[name][0], "message": answers[name][1], "time": "T"}
        for key, value in obj["metadata"].get("annotations", {}).items()
        if (name := key.removeprefix(PREFIX)) in answers
    ]
    if not records:
        return None
    return {**obj, "status": {**obj.get("status", {}), "commands": records}}


def send(kind: str, obj: Any) -> None:
    """One event of a watch, on one line as kubectl prints it; or on several, as it prints other objects."""
    indent = 4 if os.environ.get("FAKE_KUBECTL_INDENT") else None
    print(json.dumps({"type": kind, "object": obj}, indent=indent), flush=True)


def get(words: list[str], resource: str, name: str) -> None:
    """`kubectl get`."""
    found = chosen(resource, words, name)
    if name and not found:
        fail(f'Error from server (NotFound): {resource} "{name}" not found')
    if "--watch" in words:
        for obj in found:
            send("ADDED", obj)
        for obj in filter(None, map(answered, found)):
            send("MODIFIED", obj)
        for kind, obj in read("events").get(resource, []):
            send(kind, obj)
        time.sleep(float(os.environ.get("FAKE_KUBECTL_SILENCE", "60")))
    elif option(words, "output").startswith("jsonpath={.items[*]"):
        print(" ".join(one["metadata"]["name"] for one in found))
    else:
        print(json.dumps(found[0] if name else {"kind": "List", "items": found}))


def annotate(words: list[str], resource: str, name: str, pair: str) -> None:
    """`kubectl annotate`."""
    objects = read("objects")
    key, _, value = pair.partition("=")
    for one in objects[resource]:
        if one["metadata"]["name"] == name:
            one["metadata"].setdefault("annotations", {})[key] = value
    (HOME / "objects.json").write_text(json.dumps(objects))


def main() -> None:
    """One call."""
    words = sys.argv[1:]
    with (HOME / "calls").open("a") as calls:
        calls.write(json.dumps(words) + "\n")
    verb, *rest = [word for word in words if not word.startswith("-")]
    failures = read("failures")
    if verb == "config":
        print("shop" if rest[0] == "view" else "north\nsouth")
    elif said := failures.get(verb) or failures.get(rest[0]):
        fail(said)
    elif verb == "get":
        get(words, rest[0], rest[1] if len(rest) > 1 else "")
    elif verb == "annotate":
        annotate(words, *rest)


main()
