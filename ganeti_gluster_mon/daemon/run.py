"""Runs the daemon: both processes, one of them, or a recorded capture that is shown and nothing else."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import pwd
import resource
import signal
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    Awaitable,
    Callable,
    FrozenSet,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Type,
)

import sdnotify

from ganeti_gluster_mon.daemon import log, privileges, supervisor
from ganeti_gluster_mon.daemon.cluster import secret
from ganeti_gluster_mon.daemon.free_memory import use_one_heap
from ganeti_gluster_mon.daemon.log import log_event
from ganeti_gluster_mon.daemon.spool import Spool
from ganeti_gluster_mon.gluster.cycle import Settings
from ganeti_gluster_mon.health import Limits

if TYPE_CHECKING:
    from ganeti_gluster_mon.daemon.cluster.exchange import Exchange
    from ganeti_gluster_mon.daemon.poller.auto_repair import AutoRepair
    from ganeti_gluster_mon.daemon.web.base_handler import BaseHandler
    from ganeti_gluster_mon.daemon.web.content import CurrentContent, MakeNodePage, MakePage
    from ganeti_gluster_mon.daemon.web.server import HttpServer

#: cycles that may be missed before another node leads
FRESH_CYCLES = 2
#: the user of the web process; it has this user's id and group to itself
USER = "ganeti-gluster-mon"
#: a server of a recorded capture may have this user, too: it writes nothing and has no key
_SHARED_USER = "nobody"
#: seconds that a process may send no notification, in addition to all timeouts of a cycle
_SLACK = 30.0
#: seconds for which a server that stops may complete its responses
_FINISH = 1.0
#: seconds between two checks for new addresses, which this machine may get as a node of a cluster
_LOOK_AGAIN = 15.0


class CannotServe(Exception):
    """The daemon cannot start; str() is one line for an administrator."""

    def __init__(self, why: str, status: int = supervisor.EX_CONFIG) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True)
class Options:
    """The options of `serve`."""

    settings: Settings
    limits: Limits
    #: ADDR:PORT
    listen: str
    #: the file with the secret that all nodes have; None: Ganeti's
    secret_file: Optional[str]
    #: the web-config file: TLS and passwords; None: every client is accepted
    web_config: Optional[Path]
    #: names that clients may call this server by, in addition to its own: see allowed_hosts.py
    allowed_hosts: Tuple[str, ...]
    #: the URL of mond, whose reports are passed on; None: no reports of mond
    front: Optional[str]
    #: seconds between two cycles
    interval: float
    #: the user of the web process; None: the one that the package makes
    user: Optional[str]
    run_directory: str
    #: what survives a reboot: since when problems exist, and mutes
    state_directory: str
    log_level: str
    #: what the poller repairs automatically, of `repair_tries.ACTIONS`
    auto_repair: FrozenSet[str]
    #: whether the least and the largest latency of file operations are exported
    latency_extremes: bool
    #: the arguments after "serve", for both processes
    words: Tuple[str, ...]


def run_daemon(options: Options) -> int:
    """Run the poller and the web process until SIGTERM; returns the exit status."""
    _must_be_root()
    log.to_stderr("supervisor", options.log_level)
    _must_have_secret(options)
    spool = _prepare(options)
    spool.remove_role()
    children = [
        supervisor.ChildProcess(role, supervisor.command(role, options.words), reloads=role == "web")
        for role in ("poller", "web")
    ]
    return supervisor.Supervisor(children, _watchdog_timeout(options.settings)).run()


def run_poller(options: Options) -> int:
    """Run the poller until SIGTERM."""
    from ganeti_gluster_mon.daemon.poller.log_counter import LogCounter
    from ganeti_gluster_mon.daemon.poller.poller import Poller

    use_one_heap()
    _must_be_root()
    os.chdir("/")  # paths are absolute since they were parsed
    privileges.end_with_parent()
    log.to_stderr("poller", options.log_level)
    _must_have_secret(options)
    spool = _prepare(options)
    systemd = sdnotify.SystemdNotifier()
    # The web process can start now.  The first query of Gluster may take long.
    systemd.notify(f"READY=1\nWATCHDOG_USEC={int(1e6 * _watchdog_timeout(options.settings))}")

    def alive() -> None:
        systemd.notify("WATCHDOG=1")

    poller = Poller(
        options.settings,
        options.interval,
        spool,
        alive=alive,
        others_may_lead=secret.KeyPublisher(options.secret_file, spool).publish,
        auto_repair=_auto_repair(options, alive),
        logs=LogCounter(),
    )
    poller.run()
    return 0


def _auto_repair(options: Options, alive: Callable[[], None]) -> Optional[AutoRepair]:
    """The automatic repairs; None where nothing is to be repaired."""
    if not options.auto_repair:
        return None
    from ganeti_gluster_mon.daemon.poller.auto_repair import AutoRepair, RepairSettings

    return AutoRepair(RepairSettings(options.auto_repair, options.state_directory, options.limits), alive)


def run_web_process(options: Options) -> int:
    """Run the web process until SIGTERM."""
    from ganeti_gluster_mon.daemon.cluster.exchange import PATH, Exchange
    from ganeti_gluster_mon.daemon.cluster.peer_client import PeerClient
    from ganeti_gluster_mon.daemon.web.annotations import Annotations
    from ganeti_gluster_mon.daemon.web.content import CurrentContent
    from ganeti_gluster_mon.daemon.web.content_updater import ContentUpdater
    from ganeti_gluster_mon.daemon.web.exchange_handler import ExchangeHandler

    use_one_heap()
    log.to_stderr("web", options.log_level)
    spool = _prepare(options) if os.geteuid() == 0 else Spool(options.run_directory)
    current = CurrentContent()
    systemd = sdnotify.SystemdNotifier()

    def listening() -> None:
        privileges.end_with_parent()
        systemd.notify("READY=1")

    async def work(exchange: Exchange, port: int, encrypted: Callable[[], bool]) -> None:
        peers = PeerClient(port, encrypted)
        annotations = Annotations(options.state_directory)
        updater = ContentUpdater(
            spool,
            current,
            options.limits,
            options.interval,
            alive=lambda: systemd.notify("WATCHDOG=1"),
            cluster=(exchange, peers),
            make_page=_page(options, annotations.volume_letters),
            make_node_page=_node_page(options),
            annotations=annotations,
            latency_extremes=options.latency_extremes,
        )
        try:
            await updater.run()
        finally:
            exchange.end()
            peers.close()

    async def serving() -> int:
        exchange = Exchange(FRESH_CYCLES * options.interval, spool.nudge)
        handlers = [(PATH, ExchangeHandler, {"exchange": exchange})]
        return await _serve(options, current, listening, functools.partial(work, exchange), handlers)

    return asyncio.run(serving())


def serve_capture(options: Options, directory: str) -> int:
    """Serve the capture in *directory* as it was when it was recorded.  Raises CaptureError."""
    from ganeti_gluster_mon.daemon.web.content import CurrentContent, render
    from ganeti_gluster_mon.snapshot import from_capture

    log.to_stderr("web", options.log_level)
    recorded = from_capture(directory, options.limits)
    content = render(
        recorded.pool,
        recorded.health,
        recorded.now,
        make_page=_page(options),
        make_node_page=_node_page(options),
        latency_extremes=options.latency_extremes,
    )
    current = CurrentContent(content)

    async def wait(_port: int, _encrypted: Callable[[], bool]) -> None:
        await asyncio.Event().wait()

    return asyncio.run(_serve(options, current, lambda: None, wait))


async def _serve(
    options: Options,
    current: CurrentContent,
    listening: Callable[[], None],
    work: Callable[[int, Callable[[], bool]], Awaitable[None]],
    handlers: Sequence[Tuple[str, Type[BaseHandler], Any]] = (),
) -> int:
    """Serve *current* and run *work* until SIGTERM.  *listening* is called after the process has given up root.

    *work* gets the port, and a function that returns whether connections to it are encrypted.
    """
    from ganeti_gluster_mon.daemon.web.allowed_hosts import AllowedHosts, own_names
    from ganeti_gluster_mon.daemon.web.auth import Authenticator
    from ganeti_gluster_mon.daemon.web.handlers import application
    from ganeti_gluster_mon.daemon.web.listen import ListenError
    from ganeti_gluster_mon.daemon.web.mond_proxy import MondProxy, MondProxyError
    from ganeti_gluster_mon.daemon.web.page import STYLE, runbook
    from ganeti_gluster_mon.daemon.web.server import HttpServer
    from ganeti_gluster_mon.daemon.web.web_config import WebConfigError

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    loop = asyncio.get_running_loop()
    with ExitStack() as ended:
        try:
            # As root still: the key of a certificate may be for root's eyes only, and ports below 1024 are.
            authenticator = Authenticator(options.web_config)
            ended.callback(authenticator.close)
            mond_proxy = None if options.front is None else MondProxy(options.front)
            if mond_proxy is not None:
                ended.callback(mond_proxy.close)
            allowed = AllowedHosts(options.allowed_hosts, own_names)
            paths = application(
                current,
                mond_proxy,
                handlers,
                authenticator=authenticator,
                allowed_hosts=allowed,
                style=STYLE,
                runbook=runbook,
            )
            server = HttpServer(paths, authenticator)
            _listen(server, options.listen)
        except (WebConfigError, MondProxyError, ListenError) as err:
            raise CannotServe(str(err)) from None
        if os.geteuid() == 0:
            privileges.become(_user(options, shared=not handlers))
        loop.add_signal_handler(signal.SIGHUP, authenticator.reload)
        _, port = server.addresses[0]
        working = asyncio.ensure_future(work(port, lambda: authenticator.tls() is not None))
        looking = asyncio.ensure_future(_listen_on(server, options.listen))
        ended.callback(looking.cancel)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, working.cancel)
        listening()
        try:
            with suppress(asyncio.CancelledError):
                await working
        finally:
            await server.stop(_FINISH)
    return 0


def _listen(server: HttpServer, where: str) -> None:
    """Listen on *where*, and log the addresses.  Raises ListenError."""
    new = server.listen(where)
    if new:
        log_event(
            logging.INFO, "listening", {"on": " ".join(f"{address} port {port}" for address, port in new)}
        )


async def _listen_on(server: HttpServer, where: str) -> None:
    """Listen on further addresses that *where* stands for while the daemon runs."""
    from ganeti_gluster_mon.daemon.web.listen import ListenError, changes

    logged = ""
    while changes(where):
        await asyncio.sleep(_LOOK_AGAIN)
        try:
            _listen(server, where)
            logged = ""
        except ListenError as err:
            if str(err) != logged:
                log_event(logging.ERROR, "cannot listen", {"why": err})
            logged = str(err)


def _page(options: Options, letters: Optional[Callable[[int], Mapping[str, str]]] = None) -> MakePage:
    """Makes the page; *letters* gives the status of volumes in the last 24 hours, as `VolumeHistory.at`."""
    from ganeti_gluster_mon.daemon.web.page import page

    return functools.partial(
        page, refresh=options.interval, stale=options.limits.stale_after, letters=letters
    )


def _node_page(options: Options) -> MakeNodePage:
    from ganeti_gluster_mon.daemon.web.node_page import node_page

    return functools.partial(node_page, refresh=options.interval, stale=options.limits.stale_after)


def _prepare(options: Options) -> Spool:
    user = _user(options)
    spool = Spool(options.run_directory)
    try:
        spool.prepare(user.pw_uid, user.pw_gid)
    except OSError as err:
        raise CannotServe(f"cannot use {options.run_directory}: {err.strerror or err}") from err
    _prepare_state(options.state_directory, user)
    return spool


def _prepare_state(directory: str, user: pwd.struct_passwd) -> None:
    """Make the state directory of the web process; with systemd, its unit has done that already."""
    try:
        os.makedirs(directory, mode=0o755, exist_ok=True)
        if os.stat(directory).st_uid != user.pw_uid:
            os.chown(directory, user.pw_uid, user.pw_gid, follow_symlinks=False)
    except OSError as err:
        # The daemon works without it, and forgets with each restart since when problems exist.
        log_event(logging.WARNING, "cannot use the state directory", {"why": err})


def _user(options: Options, shared: bool = False) -> pwd.struct_passwd:
    """The user of the web process; *shared*: one that other programs have, too, will do.

    Raises CannotServe.
    """
    try:
        return privileges.find(options.user or USER)
    except privileges.NoSuchUser as err:
        if shared and options.user is None:
            with suppress(privileges.NoSuchUser):
                return privileges.find(_SHARED_USER)
        raise CannotServe(str(err)) from None


def _must_be_root() -> None:
    if os.geteuid() != 0:
        raise CannotServe(
            "glusterd answers root only: run this as root (the web process gives it up), "
            "or show a capture with --replay",
            status=1,
        )


def _must_have_secret(options: Options) -> None:
    """Raise CannotServe if the named secret cannot be read.  If it goes later, the daemon continues without it."""
    if options.secret_file is not None:
        try:
            secret.read(options.secret_file)
        except secret.NoSecret as err:
            raise CannotServe(str(err)) from None


def _watchdog_timeout(settings: Settings) -> float:
    """Seconds for which a process may send no notification: all timeouts of a cycle, and some more."""
    return (
        _SLACK
        + settings.timeout
        + settings.peer_timeout
        + 3 * settings.brick_timeout
        + settings.mount_timeout
    )
