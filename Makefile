# The workshop: every target makes its own .venv when it has none. `make demo` is the shortest way to see a result.

# The first interpreter that runs, has venv and is new enough; override with `make PYTHON=/path/to/python`.
FITS := import ensurepip, sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 14))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.10; do \
    if $$p -c '$(FITS)' 2>/dev/null; then echo $$p; exit; fi; done; echo python3)
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: help demo test integration lint bench clean
.DELETE_ON_ERROR:

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 14

demo: $(INSTALLED)  ## prune the default network (about a minute on two CPU cores); results in runs/demo/latest
	$(BIN)/cpruner job=demo

# Kept bytecode, that of rewritten assertions above all, takes ten seconds per process off every run but the first.
test: export PYTHONDONTWRITEBYTECODE :=
test: $(INSTALLED)  ## the unit suite on two processes; CIFAR-10 tests run where ../shared exists
	$(BIN)/python -m pytest -n 2 --dist worksteal

integration: export PYTHONDONTWRITEBYTECODE :=
integration: $(INSTALLED)  ## whole runs, other processes, the pages' code
	$(BIN)/python -m pytest -n 2 --dist worksteal -m integration

lint: $(INSTALLED)  ## style, formatting and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	MYPYPATH=benchmarks $(BIN)/mypy benchmarks/*.py

bench: $(INSTALLED)  ## every script of benchmarks/, one after the other
	@set -e; for script in $(sort $(wildcard benchmarks/*.py)); do echo "== $$script"; $(BIN)/python $$script; done

clean:  ## remove caches and build leftovers; .venv and runs/ stay
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +

# Touched last, so an install that stopped half-way is tried again. A .venv whose pip works is kept, any other is made anew.
$(INSTALLED): setup.cfg pyproject.toml
	@$(PYTHON) -c '$(FITS)' || { \
	    echo "cpruner needs Python 3.10 to 3.13 with venv, found: $$($(PYTHON) --version 2>&1)." \
	         "Install one (Debian: apt install python3-venv) or name it: make PYTHON=/path/to/python"; exit 1; } >&2
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --progress-bar off 'pip>=21.3'
	$(BIN)/python -m pip install --progress-bar off --editable '.[dev]'
	@touch $@
