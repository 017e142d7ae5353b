"""``make bench``: all measurements, each a table."""

import sys

from tests.bench import bench_parse, cycle, daemons, disks, many_volumes, scrape, stages, throughput

if __name__ == "__main__":
    failed = 0
    for each in (bench_parse, stages, cycle, many_volumes, scrape, daemons, disks, throughput):
        failed |= each.main() or 0
        print()
    sys.exit(failed)
