"""`python ray_node.py start …`: `ray start` without the dashboard, and with the patience that a busy machine needs."""

import sys
import time
from typing import Any

from ray._private import services
from ray.scripts.scripts import main

from recsys_workers.train.one_pod import leave_out_the_dashboard

PATIENCE_SECONDS = 300
"""Ray gives a node 30 to register with its head."""

_get_node = services.get_node


def get_node(*arguments: Any) -> Any:
    """What Ray asks again and again until the node has registered."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return _get_node(*arguments)
        except RuntimeError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


if __name__ == "__main__":
    leave_out_the_dashboard()
    services.get_node = get_node
    sys.exit(main())
