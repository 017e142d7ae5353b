"""``make bench``: all measurements, each a table."""

import sys

from tests.bench import bench_parse, cycle, daemons, disks, scrape, stages, throughput

if __name__ == "__main__":
    failed = 0
    for each in (bench_parse, stages, cycle, scrape, daemons, disks, throughput):
        failed |= each.main() or 0
        print()
    sys.exit(failed)
