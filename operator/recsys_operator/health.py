"""Whether this process still does its work: the event loop runs, and the watches deliver.

Each answer of the API server tells that an object has some resourceVersion. The watch of its kind must deliver that
version, or a later one, within `PATIENCE` seconds; a watch that does not is silent, whatever its connection looks like.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from recsys_operator.api.kinds import Resource

PATIENCE = 30.0
BEAT = 1.0
LONGEST_LAG = 5.0
MEMORY = 30.0
"""For how many seconds a lag is told after it is over: longer than the time between two probes."""


@dataclass(slots=True)
class Expectation:
    """Versions of one object that the watch owes: the oldest and the newest, and since when."""

    kind: str
    name: str
    oldest: int
    oldest_since: float
    newest: int
    newest_since: float


class Health:
    """What /healthz tells. `watched` says which objects some watch must deliver."""

    def __init__(
        self,
        watched: Callable[[Resource, dict[str, Any]], bool],
        clock: Callable[[], float] = time.monotonic,
        patience: float = PATIENCE,
    ) -> None:
        self._watched = watched
        self._patience = patience
        self._clock = clock
        self._delivered: dict[str, int] = {}
        self._owed: dict[str, Expectation] = {}
        self._left: set[str] = set()
        self._ignored: set[Resource] = set()
        self._deleted: deque[tuple[float, str]] = deque()
        self._last_beat = clock()
        self._lags: deque[tuple[float, float]] = deque()

    def answered(self, resource: Resource, obj: dict[str, Any]) -> None:
        """The API server's answer contained this object."""
        metadata = obj["metadata"]
        uid, version = metadata["uid"], _number(metadata.get("resourceVersion"))
        if version is None or version <= self._delivered.get(uid, -1) or not self._watched(resource, obj):
            return
        if metadata.get("namespace") in self._left or resource in self._ignored:
            return
        # An answer can arrive after the watch has told of the object's end.
        if any(uid == deleted for _, deleted in self._deleted):
            return
        now = self._clock()
        owed = self._owed.get(uid)
        if owed is None:
            name = f"{metadata.get('namespace')}/{metadata['name']}"
            self._owed[uid] = Expectation(resource.plural, name, version, now, version, now)
        elif version > owed.newest:
            owed.newest, owed.newest_since = version, now

    def delivered(self, obj: dict[str, Any]) -> None:
        """A watch (or its first list) delivered this object."""
        metadata = obj["metadata"]
        uid, version = metadata["uid"], _number(metadata.get("resourceVersion"))
        if version is None:
            return
        self._delivered[uid] = max(version, self._delivered.get(uid, -1))
        owed = self._owed.get(uid)
        if owed is None or version < owed.oldest:
            return
        if version >= owed.newest:
            del self._owed[uid]
        else:
            owed.oldest, owed.oldest_since = owed.newest, owed.newest_since

    def ended(self, uid: str) -> None:
        """The object is gone: nothing more is owed."""
        now = self._clock()
        self._owed.pop(uid, None)
        self._delivered.pop(uid, None)
        while self._deleted and self._deleted[0][0] < now - 2 * self._patience:
            self._deleted.popleft()
        self._deleted.append((now, uid))

    def leave(self, namespace: str) -> None:
        """Nothing in this namespace is watched any more: nothing is owed."""
        self._left.add(namespace)
        self._owed = {uid: owed for uid, owed in self._owed.items() if not owed.name.startswith(f"{namespace}/")}

    def enter(self, namespace: str) -> None:
        """This namespace is watched again."""
        self._left.discard(namespace)

    def ignore(self, resource: Resource) -> None:
        """Nothing of this kind is watched any more: nothing is owed."""
        self._ignored.add(resource)
        self._owed = {uid: owed for uid, owed in self._owed.items() if owed.kind != resource.plural}

    def expect(self, resource: Resource) -> None:
        """This kind is watched again."""
        self._ignored.discard(resource)

    async def beat(self) -> None:
        """Measure the lag of the event loop, for ever."""
        while True:
            self._last_beat = self._clock()
            await asyncio.sleep(BEAT)
            self.late(self._clock() - self._last_beat - BEAT)

    def late(self, seconds: float) -> None:
        """The event loop came back so much too late."""
        now = self._clock()
        while self._lags and self._lags[0][0] < now - MEMORY:
            self._lags.popleft()
        if seconds > LONGEST_LAG:
            self._lags.append((now, seconds))

    def problems(self) -> tuple[str, ...]:
        """What is wrong, as sentences; empty when all is well."""
        now = self._clock()
        found = []
        lags = [lag for when, lag in self._lags if when >= now - MEMORY]
        lags.append(now - self._last_beat - BEAT)
        if max(lags) > LONGEST_LAG:
            found.append(f"the event loop lagged by {max(lags):.1f} s: more than {LONGEST_LAG:g} s")
        late: dict[str, Expectation] = {}
        for owed in self._owed.values():
            if owed.oldest_since < now - self._patience:
                late.setdefault(owed.kind, owed)
        found += [
            f"the watch of {kind} is silent: it has not delivered version {owed.oldest} of {owed.name}, "
            f"known for {now - owed.oldest_since:.0f} s"
            for kind, owed in sorted(late.items())
        ]
        return tuple(found)


def _number(version: object) -> int | None:
    """A resourceVersion as a number: Kubernetes defines their order since 1.35."""
    text = str(version)
    return int(text) if text.isascii() and text.isdigit() else None
