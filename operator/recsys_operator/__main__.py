"""`python -m recsys_operator`."""

import sys

from recsys_operator.main import main

if __name__ == "__main__":
    sys.exit(main())
