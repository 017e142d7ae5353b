"""``make bench``: all measurements, each a table."""

import sys

from tests.bench import cycle

if __name__ == "__main__":
    sys.exit(cycle.main())
