"""`python -m recsys_workers.serve`: serve the version that the environment names."""

import functools
import sys
from pathlib import Path

from recsys_workers.serve import logs, start
from recsys_workers.serve.application import Application
from recsys_workers.serve.lane import Lane
from recsys_workers.serve.metrics import Metrics
from recsys_workers.serve.process import Server
from recsys_workers.serve.settings import BadSettings, Settings
from recsys_workers.serve.shadow_mirror import Mirror
from recsys_workers.serve.termination import CannotServe, record


def main() -> int:
    """Serve until SIGTERM; the exit code is 0 after a drain and 1 when nothing could be served."""
    logs.configure()
    try:
        settings = Settings.from_environment()
    except BadSettings as error:
        record(CannotServe("BadSettings", str(error)))
        return 1
    logs.configure(
        namespace=settings.namespace,
        deployment=settings.deployment,
        model=settings.model,
        version=settings.version,
    )
    metrics = Metrics(settings.model, settings.version, settings.digest)
    lane = Lane(settings.max_pending, settings.patience_seconds)
    shadow_file = Path(settings.shadow_file) if settings.shadow_file else None
    mirror = Mirror(shadow_file, settings.revision, settings.version, metrics.shadow)
    mirror.start()
    application = Application(
        metrics, lane, settings.version, settings.digest, revision=settings.revision, mirror=mirror
    )
    server = Server(settings, application, functools.partial(start.load, settings, metrics))
    server.run()
    lane.close()
    return server.exit_code


if __name__ == "__main__":
    sys.exit(main())
