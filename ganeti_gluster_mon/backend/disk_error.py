"""The errors of operations on disks and volumes, for the block device and the ExtStorage provider."""


class DiskError(Exception):
    """An operation on a disk or a volume failed; str() is one line for an administrator: which one, and why."""


class VolumeError(DiskError):
    """An operation on a volume failed; str() is one line: which volume, why, and what to do."""
