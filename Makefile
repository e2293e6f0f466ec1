# make all: environment, then the demo benchmark.   make test: every check.   make smoke: every rule, as small as it goes.
# make all CPU=1: the same without the CUDA libraries, which only a GPU needs (needs uv).
PYTHON ?= python3
BIN := .venv/bin
export OMP_NUM_THREADS ?= 1

.PHONY: all smoke test lock
.DELETE_ON_ERROR:

all: .venv/run.stamp
	$(BIN)/snakemake --cores all all

smoke: .venv/run.stamp
	$(BIN)/snakemake --cores all --configfile configs/smoke.yaml -- all

# Layers: what fails fast comes first.
test: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check .
	$(BIN)/mypy
	$(BIN)/pytest -q -n 2 --dist loadfile tests/unit tests/contract
	$(BIN)/pytest -q -n 2 --dist loadfile tests --ignore=tests/unit --ignore=tests/contract --ignore=tests/workflow
	$(BIN)/pytest -q -n 2 --dist loadfile tests/workflow

# The runtime lock needs nothing of the test lock; whichever was installed last, both hold the same versions.
.venv/run.stamp: envs/requirements.txt
.venv/test.stamp: envs/requirements-dev.txt
.venv/%.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@CPU=$(CPU) envs/install.sh $(BIN)/python $<
	touch $@

# Resolve envs/*.in anew (needs uv).
lock:
	for name in requirements requirements-dev; do \
	  uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet --upgrade \
	    envs/$$name.in -o envs/$$name.txt; done
