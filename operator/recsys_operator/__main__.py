"""`python -m recsys_operator`."""

import gc
import signal
import sys

# Until the imports below are through, there is nothing to finish.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
# What they make stays for ever: collecting it takes a tenth of the start.
gc.disable()

from recsys_operator.main import main  # noqa: E402

gc.freeze()
gc.enable()

if __name__ == "__main__":
    sys.exit(main())
