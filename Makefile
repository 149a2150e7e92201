# What people type. `make` alone prints this list; everything else goes through .venv, which `make install` sets up.
#
#   make run PYTHON=python3.13      takes that Python instead of the newest found
#   make test TESTS=tests/papers    runs a part of the suite

PYTHON ?=
TESTS ?= tests
UPGRADE ?=
RUNS ?= 1000000
VENV := .venv
BIN := $(VENV)/bin
UV := .cache/uv/bin/uv

# Settings of the caller's shell that would send packages elsewhere, or mix other packages in.
unexport PIP_CONSTRAINT PIP_FIND_LINKS PIP_PREFIX PIP_REQUIRE_VIRTUALENV PIP_TARGET PIP_USER
unexport PYTHONHOME PYTHONPATH VIRTUAL_ENV
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help run install test torture fuzz lint bench docs messages pictures lock clean install-dev chromium spamassassin mailservers

help:  ## print this list
	@echo "Usage: make TARGET"
	@echo
	@sed -n 's/^\([a-z][a-z-]*\):.*##  *\(.*\)$$/\1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{printf "  %-9s %s\n", $$1, $$2}'

run: install  ## set everything up and run the demo: real papers, a built-in inbox; Ctrl-C ends it
	@trap : INT; $(BIN)/newsletter demo; code=$$?; [ $$code -eq 130 ] || exit $$code

install: $(VENV)/.installed  ## set up .venv with the program and what it needs, at the versions of requirements.lock
	@:

test: install-dev chromium spamassassin mailservers  ## set everything up and run the whole test suite (TESTS=tests/papers for a part)
	@$(BIN)/python -m pytest -n auto --maxprocesses 8 $(TESTS)

torture: install-dev chromium  ## run the long versions of tests that have one (minutes)
	@TORTURE=1 $(BIN)/python -m pytest -n auto --maxprocesses 8 -m torture $(TESTS)

fuzz: install-dev  ## feed RUNS=1000000 made-up mails to all that reads mail (for a night; needs Linux on x86-64)
	@$(PIP_INSTALL) --require-hashes --requirement requirements-fuzz.lock
	@$(BIN)/python tests/fuzz/all.py --runs $(RUNS)

lint: install-dev  ## check style, formatting, types and the import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install-dev  ## run the measurements in benchmarks/
	@code=0; for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python "$$script" || code=1; done; exit $$code

docs: install-dev  ## write config.toml and docs/reference.md anew from the code
	@$(BIN)/python docs/generate.py

messages: install-dev  ## bring the catalogues in templates/locale up to date with the words of code and templates
	@$(BIN)/python docs/messages.py

pictures: install-dev chromium  ## take the pictures of the themes in docs/images anew
	@$(BIN)/python docs/pictures.py

lock: $(BIN)/python pyproject.toml  ## write the lock files anew (UPGRADE=--upgrade for the newest versions)
	@test -x $(UV) || { $(BIN)/python -m venv .cache/uv && .cache/uv/bin/python -m pip install --quiet uv; }
	@$(LOCK) --extra postgres --extra speed --group build --output-file requirements.lock pyproject.toml
	@$(LOCK) --extra postgres --extra speed --group dev --constraint requirements.lock \
	  --output-file requirements-dev.lock pyproject.toml
	@$(LOCK) --extra postgres --extra speed --group fuzz --constraint requirements.lock \
	  --output-file requirements-fuzz.lock pyproject.toml

clean:  ## remove .venv, caches and build results (the demo leaves nothing behind)
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

LOCK = UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile --quiet --no-config --universal --python-version 3.11 \
  --generate-hashes --no-emit-index-url --no-emit-find-links $(UPGRADE)
PIP_INSTALL = $(BIN)/python -m pip install --quiet

# Re-made as well when the Python it was made with is gone: make follows the link and finds nothing.
$(BIN)/python:
	@find_python() { \
	  for name in $(if $(PYTHON),"$(PYTHON)",python3.14 python3.13 python3.12 python3.11 python3 python); do \
	    "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
	    found=$$name; "$$name" -c 'import ensurepip, venv' >/dev/null 2>&1 && return 0; \
	  done; return 1; }; \
	if find_python; then \
	  echo "Making $(VENV) with $$("$$found" --version)"; \
	  "$$found" -m venv --clear $(VENV); \
	elif [ -n "$$found" ]; then \
	  echo "$$found has no 'venv' module; install it (Debian, Ubuntu: apt-get install python3-venv), then call make again" >&2; exit 1; \
	else \
	  echo "$(if $(PYTHON),$(PYTHON) is not Python 3.11 or newer,no Python 3.11 or newer found);" \
	    "install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; \
	fi

$(VENV)/.installed: pyproject.toml requirements.lock | $(BIN)/python
	@echo "Installing the program (the first time takes about a minute)"
	@$(PIP_INSTALL) --require-hashes --requirement requirements.lock
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

install-dev: $(VENV)/.installed-dev
	@:

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	@echo "Installing the tools for tests and checks"
	@$(PIP_INSTALL) --require-hashes --requirement requirements-dev.lock
	@touch $@

# The browser tests want Chromium. Where the machine lets us, we get it; elsewhere they skip and say how to.
chromium:
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null 2>&1 && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	  echo "Installing Chromium for the browser tests (apt-get)"; export DEBIAN_FRONTEND=noninteractive; \
	  { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; } >/dev/null 2>&1 \
	    || echo "Chromium could not be installed; the browser tests will skip" >&2; \
	fi

# What mails score is looked at where it is there; its tests are left out elsewhere.
spamassassin:
	@command -v spamassassin >/dev/null 2>&1 && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	  echo "Installing SpamAssassin for the tests of mails (apt-get)"; export DEBIAN_FRONTEND=noninteractive; \
	  { apt-get update -qq && apt-get install -y -qq --no-install-recommends spamassassin; } >/dev/null 2>&1 \
	    || echo "SpamAssassin could not be installed; its tests are left out" >&2; \
	fi

# Mail comes in through real servers where they are there; the tests with them are left out elsewhere.
mailservers:
	@command -v postfix >/dev/null 2>&1 && command -v dovecot >/dev/null 2>&1 && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	  echo "Installing Postfix and Dovecot for the tests of inbound mail (apt-get)"; export DEBIAN_FRONTEND=noninteractive; \
	  { apt-get update -qq && apt-get install -y -qq --no-install-recommends postfix dovecot-imapd; } >/dev/null 2>&1 \
	    || echo "Postfix and Dovecot could not be installed; their tests are left out" >&2; \
	fi
