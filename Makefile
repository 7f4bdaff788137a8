# Two commands do all set-up on a machine with Python >= 3.11 and make:
#   make model-check    explore the running Raft core exhaustively within bounds (the main job)
#   make test           run every test
# The others: make lint, make docs, make bench, make nightly, make clean.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Else each of the hundreds of processes that tests start would compile every module again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: model-check test lint docs bench nightly clean

model-check: $(STAMP)
	$(BIN)/model-check

# As many tests at a time as there are cores, unless told otherwise: make test WORKERS=3.
WORKERS ?= auto

test: $(STAMP)
	$(BIN)/pytest -n $(WORKERS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The site, in build/site: every page, the API, and pictures that the commands draw now. A broken link ends it.
docs: $(STAMP)
	$(BIN)/python docs/site/pictures.py build/pictures
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -c docs/site . build/site
	@echo "build/site/index.html is the first page"

bench: $(STAMP)
	$(BIN)/python benchmarks/log_append.py
	$(BIN)/python benchmarks/core_step.py
	$(BIN)/python benchmarks/storage_write.py
	$(BIN)/python benchmarks/wire.py
	$(BIN)/python benchmarks/cluster.py
	$(BIN)/python benchmarks/members.py
	$(BIN)/python benchmarks/pipelining.py
	$(BIN)/python benchmarks/bft_cluster.py
	$(BIN)/model-check bench

# How many examples a random test tries by night; about 60 by day. More find more: make nightly EXAMPLES=2000.
EXAMPLES ?= 500

nightly: $(STAMP)
	-$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev,cluster]' # if not, tests of it are skipped
	QUORATE_EXAMPLES=$(EXAMPLES) $(BIN)/pytest -n auto --timeout 14400
	$(BIN)/model-check outside
	$(BIN)/model-check bench --only election
	$(BIN)/model-check mutants
	$(BIN)/model-check mutants --any-network
	$(BIN)/model-check mutants --store
	$(BIN)/model-check mutants --systematic
	.ci/pythons all

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Quorate needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "Python's venv module is missing: on Debian, apt-get install python3-venv"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) .venvs build .mypy_cache .ruff_cache .pytest_cache .hypothesis
