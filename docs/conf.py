"""How the pages are built: `make docs`.  Each page also reads well as the plain Markdown that it is."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from ganeti_gluster_mon import __version__

project = "ganeti-gluster-mon"
author = "ganeti-gluster-mon contributors"
copyright = author  # noqa: A001 - Sphinx' name for it; no year, so that a build is the same tomorrow
release = version = __version__

extensions = ["myst_parser", "sphinxarg.ext"]
# headings are anchors, by the names that forges give them: runbook_url and links within the pages need them
myst_heading_anchors = 3
# a link to a page or an anchor that is not there is an error, too
nitpicky = True

html_theme = "furo"
html_title = f"ganeti-gluster-mon {version}"
html_show_sphinx = False
html_copy_source = False
