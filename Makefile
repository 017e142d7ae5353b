# What can be done here.  As root on Debian 12, every target installs what it needs by itself.

PYTHON := $(firstword $(wildcard /usr/bin/python3) python3)
VENV   := .venv
BIN    := $(VENV)/bin
ROOT   := $(filter 0,$(shell id -u))

# promtool is Prometheus' own word on whether our metrics are well-formed
LAB_PACKAGES := glusterfs-server glusterfs-client openssh-server openssh-client iproute2 e2fsprogs btrfs-progs xfsprogs \
                attr fuse3 util-linux mount procps prometheus curl
# the page is looked at by a real browser
BROWSER_PACKAGES := chromium fonts-dejavu-core
# ganeti brings its other packages by itself; ganeti-htools, named, would conflict with what it brings
GANETI_PACKAGES := ganeti qemu-system-x86 qemu-block-extra qemu-utils
# to build the Debian packages, and to judge them; what they depend on, so that a host of the lab can install them
DEB_PACKAGES := build-essential debhelper dh-python dpkg-dev lintian pybuild-plugin-pyproject python3-all \
                python3-setuptools python3-sphinx python3-sphinx-argparse python3-myst-parser furo python3-argcomplete \
                python3-tornado python3-psutil git man-db
DEB_DEPENDS := adduser python3-argcomplete python3-bcrypt python3-jinja2 python3-prometheus-client python3-psutil \
               python3-pyinotify python3-sdnotify python3-tornado python3-yaml systemd
# what reads the examples: Icinga its own, visudo those for sudo
EXAMPLE_PACKAGES := icinga2-bin sudo
PACKAGES := python3 python3-venv
# on the root of another release the unit tests run on its own Python: make unit DEBIAN=13
UNIT_PACKAGES := make python3-freezegun python3-hypothesis python3-jsonschema python3-pytest python3-pytest-timeout \
                 python3-pytest-xdist

# hosts of the lab are laid over the machine's own root, or over that of another release: make test DEBIAN=13
DEBIAN :=
# all that is in that root: systemctl of a host talks to systemd by dbus, sudo reads its example
ROOT_PACKAGES := python3 $(LAB_PACKAGES) $(GANETI_PACKAGES) $(DEB_DEPENDS) sudo dbus $(UNIT_PACKAGES)
CACHE := /var/cache/ganeti-gluster-mon
LAB_ROOT = $(if $(DEBIAN),$(CACHE)/lab-root-$(DEBIAN))
export LAB_ROOT
# pytest compiles each test file once and keeps it; four processes that did it at each run took half of their time
unexport PYTHONDONTWRITEBYTECODE

# Labs wait much of the time: three files at a time use two cores.  In the order of files, so that the short ones come
# last and fill the gap
JOBS := 3
SIDE_BY_SIDE = --numprocesses=$(JOBS) --dist=loadfile --no-loadscope-reorder

# the ExtStorage provider, and where Ganeti and Debian's Python look
SCRIPTS  := ganeti_gluster_mon/backend/extstorage/gluster
PROVIDER := /usr/share/ganeti/extstorage/gluster
LIBRARY  := /usr/lib/python3/dist-packages

.DEFAULT_GOAL := help
.PHONY: help venv packages pool-packages readme screenshots demo test lint docs unit coverage mutation bench soak lab lab-root start-lab-root lab-down tests-there release-check install-provider install-dropin remove-dropin deb clean
.DELETE_ON_ERROR:

help:
	@echo 'make help      this list'
	@echo 'make demo      a pool of three hosts on this machine, a brick that dies, and the reports about it'
	@echo 'make test      lint, unit tests, and lab tests on real glusterd (as root), three files at a time; JOBS=1 for one'
	@echo 'make deb       the Debian packages, in dist/'
	@echo 'make venv      the command, in $(BIN)/ganeti-gluster-mon'
	@echo 'make lint      ruff and mypy'
	@echo 'make docs      the pages, in build/docs; a warning is an error'
	@echo 'make unit      the unit tests without slow ones and those of mutated inputs, in a minute; with DEBIAN=13 on its Python and libraries'
	@echo 'make coverage  the unit tests, and which lines and branches of the package they do not run'
	@echo 'make mutation  small faults put into the code: how many do the unit tests detect?'
	@echo 'make bench     measure, against the bare gluster command and others'
	@echo 'make soak      the long tests'
	@echo 'make lab       a pool of three hosts to play with; make lab-down ends it'
	@echo 'make lab-root DEBIAN=13  the root of another release for the hosts of the lab; make lab and make test take DEBIAN=13'
	@echo 'make start-lab-root  the same for Debian 13, in the background, while make test goes on'
	@echo 'make install-provider  the ExtStorage provider of this checkout for the Ganeti of this node, below $$DESTDIR'
	@echo 'make packages  what the lab needs, by apt (as root); every target does it by itself'
	@echo 'make pool-packages  the same without Ganeti and KVM, which only the tests need'
	@echo 'make screenshots  take the pictures of the page that docs/ shows'
	@echo 'make readme    put the real output of the commands into README.md'
	@echo 'make release-check  what keeps this tree from being released; make tests-there is a part of it'
	@echo 'make install-dropin  put the storage backend in the place of Ganeti’s own (below DESTDIR): for labs and trials'
	@echo 'make remove-dropin   take it away again'
	@echo 'make clean     remove what was made here'

venv: $(VENV)/.made

$(VENV)/.made: pyproject.toml setup.py constraints.txt
	@$(if $(ROOT),scripts/install-packages $(PACKAGES))
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo 'make: no venv without ensurepip: apt-get install python3-venv' >&2; exit 1; }
	@echo 'making $(VENV)' >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install -qq --disable-pip-version-check --constraint constraints.txt setuptools wheel
	@$(BIN)/pip install -qq --disable-pip-version-check --constraint constraints.txt --no-build-isolation --config-settings editable_mode=compat --editable '.[test,bench,docs]'
	@$(BIN)/python -m compileall -q ganeti_gluster_mon
	@touch $@

# Without root there is no lab: its tests are skipped, with the reason.
packages:
	@$(if $(ROOT),scripts/install-packages $(PACKAGES) $(LAB_PACKAGES) $(GANETI_PACKAGES) $(BROWSER_PACKAGES) \
	  $(EXAMPLE_PACKAGES) $(DEB_PACKAGES) $(DEB_DEPENDS))

pool-packages:
	@$(if $(ROOT),scripts/install-packages $(PACKAGES) $(LAB_PACKAGES))

lab-root:
	@$(if $(DEBIAN),,echo 'make: of which release? make lab-root DEBIAN=13' >&2; exit 2)
	@$(if $(ROOT),scripts/install-packages mmdebstrap curl)
	@scripts/make-lab-root $(DEBIAN) $(LAB_ROOT) $(ROOT_PACKAGES)

# make hands DEMO on by itself; without a shell between, a SIGTERM for make reaches what takes the hosts down.
demo: $(if $(filter replay,$(DEMO)),,pool-packages) venv
	@$(BIN)/python -m tests.demo

# At the same time as lint and docs; tests/lab_tests/test_debian_13.py waits for it.
start-lab-root:
	@$(if $(ROOT),scripts/install-packages mmdebstrap curl)
	@$(if $(ROOT),scripts/make-lab-root 13 $(CACHE)/lab-root-13 $(ROOT_PACKAGES) </dev/null >/dev/null &)

test: packages venv $(if $(DEBIAN),lab-root,start-lab-root) lint docs
	$(BIN)/python -m pytest $(if $(filter-out 1,$(JOBS)),$(SIDE_BY_SIDE)) -m 'not soak'

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# all anew: what was read before is not warned of again
docs: venv
	$(BIN)/sphinx-build -E -W --keep-going -n -q -b html docs build/docs

QUICK = $(if $(filter-out 1,$(JOBS)),--numprocesses=4 --dist=worksteal) -m 'not lab and not soak and not corpus and not slow'
# Of another release, those of the package: git, Sphinx and a virtual environment are not in its root.
ELSEWHERE = $(addprefix --ignore=tests/unit/,test_docs.py test_makefile.py test_release_check.py)

unit: $(if $(DEBIAN),lab-root,venv)
	$(if $(DEBIAN),scripts/unit-tests-in-root $(LAB_ROOT) $(QUICK) $(ELSEWHERE) tests/unit,$(BIN)/python -m pytest $(QUICK))

coverage: venv
	$(BIN)/python -m coverage run --branch --source=ganeti_gluster_mon -m pytest -m 'not lab and not soak'
	$(BIN)/python -m coverage report --skip-covered --show-missing

mutation: venv
	$(BIN)/python -m tests.mutation

bench: packages venv
	@$(BIN)/python -m compileall -q ganeti_gluster_mon
	$(BIN)/python -m tests.bench

soak: packages venv
	$(BIN)/python -m pytest -m soak

lab: pool-packages venv $(if $(DEBIAN),lab-root)
	@$(BIN)/python -m tests.lab up --volumes all

lab-down:
	@$(BIN)/python -m tests.lab down

# For labs and trials; the Debian package does it by itself.
install-provider:
	install -d $(DESTDIR)$(PROVIDER) $(DESTDIR)$(LIBRARY)
	install --mode=644 $(SCRIPTS)/parameters.list $(DESTDIR)$(PROVIDER)
	install --mode=755 $(filter-out %/parameters.list,$(wildcard $(SCRIPTS)/*)) $(DESTDIR)$(PROVIDER)
	test -e $(DESTDIR)$(LIBRARY)/ganeti_gluster_mon || echo '$(CURDIR)' > $(DESTDIR)$(LIBRARY)/ganeti-gluster-mon.pth

install-dropin:
	@DESTDIR='$(DESTDIR)' scripts/dropin install

remove-dropin:
	@DESTDIR='$(DESTDIR)' scripts/dropin remove

deb:
	@$(if $(ROOT),scripts/install-packages $(DEB_PACKAGES))
	@scripts/build-deb dist

readme: venv
	@$(BIN)/python scripts/update-readme

screenshots: packages venv
	@$(BIN)/python -m tests.browser docs

tests-there: venv
	@$(BIN)/python -m pytest --collect-only -qq

release-check: venv
	@scripts/release-check

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
