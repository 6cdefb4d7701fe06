"""From what a decision found worth telling to events of an object."""

import logging
from collections.abc import Iterable
from typing import Any

from recsys_operator.apply.client import Client
from recsys_operator.apply.event import Event, ObjectRef
from recsys_operator.decide.notice import Notice


def events(obj: dict[str, Any], notices: Iterable[Notice]) -> tuple[Event, ...]:
    """The events, about the object as last read."""
    regarding = ObjectRef.of(obj)
    return tuple(Event(regarding, notice.type, notice.reason, notice.message, notice.action) for notice in notices)


async def tell(client: Client, logger: logging.Logger, obj: dict[str, Any], notices: Iterable[Notice]) -> None:
    """Events and lines of the log about what has just been written."""
    found = tuple(notices)
    for event in events(obj, found):
        await client.emit(event)
    log(logger, obj, found)


def log(logger: logging.Logger, obj: dict[str, Any], notices: Iterable[Notice]) -> None:
    """One line each."""
    metadata = obj["metadata"]
    for notice in notices:
        logger.info(
            notice.message,
            extra={
                "kind": obj["kind"],
                "object": f"{metadata['namespace']}/{metadata['name']}",
                "uid": metadata["uid"],
                "reason": notice.reason,
            },
        )
