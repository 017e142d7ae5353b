"""The man pages, from the parsers that also write --help: `sphinx-build -b man man build/man`."""

from ganeti_gluster_mon import __version__

project = "ganeti-gluster-mon"
release = version = __version__
extensions = ["sphinxarg.ext"]
man_pages = [
    ("ganeti-gluster-mon", "ganeti-gluster-mon", "the state of a Gluster pool under Ganeti", [], 8),
    ("gnt-gluster", "gnt-gluster", "GlusterFS in the manner of Ganeti's commands", [], 8),
]
master_doc = "ganeti-gluster-mon"
exclude_patterns = ["index.rst"]
