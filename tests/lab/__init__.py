"""Real hosts with real GlusterFS on one machine, made of namespaces. See Lab, Pool and Cluster."""

from tests.lab.ganeti import Cluster
from tests.lab.host import Disk, Host
from tests.lab.lab import Lab
from tests.lab.pool import Pool
from tests.lab.process import Process
from tests.lab.waiting import LabError, LabTimeout, wait_until

__all__ = ["Cluster", "Disk", "Host", "Lab", "LabError", "LabTimeout", "Pool", "Process", "wait_until"]
