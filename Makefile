# make all: environment, then the demo benchmark.   make test: every check.   make smoke: every rule on tiny settings.
# make all CPU=1: the same without the CUDA libraries, which only a GPU needs (needs uv).
PYTHON ?= python3
BIN := .venv/bin
PYTEST = $(BIN)/pytest -q -n 2 --dist loadfile
export OMP_NUM_THREADS ?= 1
# Snakemake does not start without a folder for its cache.
ifneq ($(shell (mkdir -p "$${XDG_CACHE_HOME:-$${HOME:?}/.cache}/snakemake" && echo there) 2>/dev/null), there)
export XDG_CACHE_HOME := $(CURDIR)/.snakemake/cache
endif

.PHONY: all smoke test lint unit contract further-tests workflow-tests docs wheel lock
.DELETE_ON_ERROR:
.NOTPARALLEL:

all: .venv/run.stamp
	$(BIN)/snakemake --cores all all

smoke: .venv/run.stamp
	$(BIN)/snakemake --cores all --configfile configs/smoke.yaml -- all

# In this order: what fails fast comes first.
test: lint unit contract further-tests workflow-tests

# tests/workflow runs the linter of Snakemake, whose exceptions are listed there.
lint: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check .
	$(BIN)/mypy

unit contract: .venv/test.stamp
	$(PYTEST) tests/$@

further-tests: .venv/test.stamp tests/accessibility/node_modules
	$(PYTEST) tests --ignore=tests/unit --ignore=tests/contract --ignore=tests/workflow

# The rules that the page's accessibility is checked with; where npm or its packages cannot be had, that check is skipped.
tests/accessibility/node_modules: tests/accessibility/package-lock.json
	if command -v npm >/dev/null && npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund; then touch $@; \
	else echo "without axe-core: the page's accessibility is not checked"; fi

# In the order of tests/workflow/conftest.py: the smoke run takes longest, so it starts first.
workflow-tests: .venv/test.stamp
	$(PYTEST) --no-loadscope-reorder tests/workflow

# The documentation as a site in site/. Strict: a broken link is an error.
docs: .venv/test.stamp
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs site

wheel: .venv/run.stamp
	$(BIN)/python -m pip wheel --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .

# Both locks hold the same versions of the packages that they share, so their order does not matter.
# soulbench itself is installed editable; its build backend, setuptools, is in the locks.
.venv/run.stamp: envs/requirements.txt pyproject.toml
.venv/test.stamp: envs/requirements-dev.txt pyproject.toml
.venv/%.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@CPU=$(CPU) envs/install.sh $(BIN)/python $<
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# Resolve envs/*.in again, to the newest versions (needs uv).
lock:
	for name in requirements requirements-dev; do \
	  uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet --upgrade \
	    envs/$$name.in -o envs/$$name.txt || exit 1; done
