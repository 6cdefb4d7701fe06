"""Bearer tokens from the files of a mounted Secret. Every file's token is valid, so that they can be rotated."""

import hmac
import logging
import time
from collections.abc import Callable
from pathlib import Path

logger = logging.getLogger(__name__)

FRESH = 1.0
"""Seconds for which the files count as unchanged."""


class Tokens:
    """Admits whoever has one of the tokens. Files count from a second after they changed at the latest.

    Whoever asks, the files are read at most once a second: anybody may offer wrong tokens.
    """

    def __init__(self, directory: Path | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.directory = directory
        self._clock = clock
        self._tokens: tuple[bytes, ...] = ()
        self._read = float("-inf")

    def admits(self, header: str) -> bool:
        """Whether an Authorization header holds a valid token. Takes as long for every wrong one."""
        scheme, _, offered = header.partition(" ")
        # aiohttp keeps bytes that are no UTF-8 as surrogates.
        candidate = offered.strip().encode(errors="surrogateescape")
        if scheme.lower() != "bearer" or not candidate:
            return False
        now = self._clock()
        if now - self._read >= FRESH:
            self._tokens, self._read = self._load(), now
        return self._matches(candidate)

    def _matches(self, candidate: bytes) -> bool:
        results = [hmac.compare_digest(candidate, token) for token in self._tokens]
        return any(results)

    def _load(self) -> tuple[bytes, ...]:
        """Non-empty files only; the kubelet's own entries begin with a dot."""
        if self.directory is None:
            return ()
        tokens = []
        try:
            for path in sorted(self.directory.iterdir()):
                if not path.name.startswith(".") and path.is_file() and (token := path.read_bytes().strip()):
                    tokens.append(token)
        except OSError as error:
            logger.warning(
                "cannot read the alert tokens", extra={"directory": str(self.directory), "error": str(error)}
            )
        return tuple(tokens)
