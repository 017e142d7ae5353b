"""``python -m ganeti_gluster_mon`` is the command ``ganeti-gluster-mon``."""

import sys

from ganeti_gluster_mon.cli import main

sys.exit(main())
