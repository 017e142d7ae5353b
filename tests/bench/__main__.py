"""``make bench``: all measurements, each a table."""

import sys

from tests.bench import bench_parse, cycle

if __name__ == "__main__":
    bench_parse.main()
    print()
    sys.exit(cycle.main())
