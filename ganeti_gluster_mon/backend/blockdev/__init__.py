"""The block device of Ganeti's disk template gluster."""
