"""`python -m recsys_operator`."""

import signal
import sys

# Until the imports below are through, there is nothing to finish.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

from recsys_operator.main import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
