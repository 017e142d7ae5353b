"""``make bench``: all measurements, each a table."""

import sys

from tests.bench import (
    bench_parse,
    cycle,
    cycle_features,
    daemons,
    disks,
    each_minute,
    many_volumes,
    memory,
    scrape,
    stages,
    throughput,
)

if __name__ == "__main__":
    failed = 0
    for each in (
        bench_parse,
        stages,
        cycle,
        cycle_features,
        many_volumes,
        scrape,
        memory,
        daemons,
        each_minute,
        disks,
        throughput,
    ):
        failed |= each.main() or 0
        print()
    sys.exit(failed)
