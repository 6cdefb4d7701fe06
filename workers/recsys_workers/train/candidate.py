"""The candidate behind the real server, as the latency gate wants it."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from recsys_workers import manifest
from recsys_workers.evaluate import gates, latency
from recsys_workers.manifest import FileEntry, Manifest
from recsys_workers.train.failure import AttemptFailed
from recsys_workers.train.run_config import RunConfig


def session(
    config: RunConfig,
    contents: Mapping[str, bytes],
    describe: Callable[[int, list[FileEntry]], Manifest],
    asks: Sequence[latency.Ask],
    *,
    good_enough: float,
) -> latency.Session:
    """Serve the files with the manifest that `describe` makes, and ask; raises AttemptFailed (may heal)."""
    with tempfile.TemporaryDirectory(prefix="candidate-") as scratch:
        folder = Path(scratch)
        files = [manifest.write_file(folder / name, data) for name, data in contents.items()]
        # The server refuses what has not passed; this copy is seen by nobody else.
        shown = manifest.encode(replace(describe(1, files), verdict=gates.PASSED))
        manifest.write_file(folder / manifest.MANIFEST, shown)
        environment = {
            "RECSYS_NAMESPACE": config.namespace,
            "RECSYS_MODEL": config.model,
            "RECSYS_DEPLOYMENT": "latency-gate",
            "RECSYS_VERSION": "1",
            "RECSYS_DIGEST": manifest.digest_of(shown),
            "RECSYS_CATALOGUE": "",
        }
        try:
            return latency.measure(folder, environment, asks, good_enough=good_enough)
        except latency.ServerBroken as error:
            raise AttemptFailed("ServerBroken", str(error), heals=True) from error
