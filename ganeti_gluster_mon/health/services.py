"""The daemons of a volume other than bricks: quota, bitrot, scrubber, snapshot, NFS.  Self-heal belongs to healing."""

from __future__ import annotations

from typing import Iterator, List, Mapping, Optional, Sequence, Tuple

from ganeti_gluster_mon.gluster.model import SELF_HEAL_DAEMON, Daemon, Volume
from ganeti_gluster_mon.health.problem import CRITICAL, Problem

#: as Gluster reads a boolean (libglusterfs/src/common-utils.c, gf_string2boolean)
_OFF = ("off", "no", "false", "0", "disable")
_ON = ("on", "yes", "true", "1", "enable")

#: By a daemon's name in `volume status`: the option that requires it.  Gluster lists a daemon only while its option
#: is on; the NFS server of versions before 3.8 is listed, dead or not, unless it is disabled.
_OPTION = {
    "Quota Daemon": "features.quota",
    "Bitrot Daemon": "features.bitrot",
    "Scrubber Daemon": "features.bitrot",
    "Snapshot Daemon": "features.uss",
}
#: the option that switches the self-heal daemon off, by the type of a subvolume
_DAEMON_OPTION = {"replicate": "cluster.self-heal-daemon", "disperse": "cluster.disperse-self-heal-daemon"}
#: options by which clients heal what they access; the self-heal daemon does not use them
_CLIENT_OPTIONS = ("cluster.data-self-heal", "cluster.metadata-self-heal", "cluster.entry-self-heal")
_NFS, _NFS_DISABLE = "NFS Server", "nfs.disable"


def is_off(options: Mapping[str, str], option: str) -> bool:
    """Whether *option* was set to off."""
    return options.get(option, "").lower() in _OFF


def is_on(options: Mapping[str, str], option: str) -> bool:
    """Whether *option* was set to on."""
    return options.get(option, "").lower() in _ON


def with_bricks(volume: Volume, daemons: Sequence[Daemon]) -> Tuple[Daemon, ...]:
    """Those of *daemons* on hosts with bricks of *volume*: glusterd lists a daemon on every host of the pool."""
    hosts = {brick.uuid for brick in volume.bricks}
    if None in hosts:
        return tuple(daemons)
    return tuple(daemon for daemon in daemons if daemon.uuid is None or daemon.uuid in hosts)


def expected_daemons(volume: Volume) -> Iterator[str]:
    """The names of the daemons that glusterd lists on each host with bricks of *volume* while their options are on.

    The NFS server is not among them: newer versions of Gluster have none.
    """
    if volume.heals and not switched_off(volume):
        yield SELF_HEAL_DAEMON
    for name, option in _OPTION.items():
        if is_on(volume.options, option):
            yield name


def switched_off(volume: Volume) -> Tuple[str, ...]:
    """The options that switch self-heal off; none while the daemon is on, which heals whatever clients do."""
    types = {subvolume.type for subvolume in volume.subvolumes}
    off: List[str] = [
        option for kind, option in _DAEMON_OPTION.items() if kind in types and is_off(volume.options, option)
    ]
    if off and "replicate" in types:
        off += clients_off(volume)
    return tuple(off)


def clients_off(volume: Volume) -> Tuple[str, ...]:
    """The options that keep clients from healing what they access; they are set on replicated volumes."""
    return tuple(option for option in _CLIENT_OPTIONS if is_off(volume.options, option))


def required(volume: Volume, daemon: Daemon) -> bool:
    """Whether the options of *volume* require *daemon*."""
    if daemon.name == _NFS:
        return is_off(volume.options, _NFS_DISABLE)
    option: Optional[str] = _OPTION.get(daemon.name)
    return option is None or not is_off(volume.options, option)


def service_problems(volume: Volume) -> Iterator[Problem]:
    """Daemons that the options of *volume* require and that do not run."""
    for daemon in with_bricks(volume, volume.daemons):
        if daemon.name != SELF_HEAL_DAEMON and daemon.online is False and required(volume, daemon):
            text = f"{volume.name}: {daemon.name} does not run on {daemon.host}"
            yield Problem("DAEMON_DOWN", CRITICAL, text, volume.name, f"{daemon.name} on {daemon.host}")
