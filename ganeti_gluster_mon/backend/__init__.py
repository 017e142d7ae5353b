"""Gluster volumes as disks of Ganeti's instances."""
