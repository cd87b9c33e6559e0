# Two commands matter: `make run` and `make test`.  `make check` is what CI runs.
SHELL := /bin/bash
# The system's Python is built with profile-guided optimisation nearly everywhere; one that was compiled by hand
# often is not, and takes a tenth to a fifth more CPU for every message.
PYTHON ?= $(firstword $(foreach each,/usr/bin/python3 python3,$(shell $(each) -c \
	'import ensurepip, sys, venv; assert sys.version_info >= (3, 11); print("$(each)")' 2>/dev/null)) python3)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
RUNS := $(VENV)/.installed
TESTS := $(VENV)/.installed-dev

.PHONY: run test check format docs screenshots bench bench-boxes crash slow fuzz clean

# The gateway with a simulated operator and a demo client; it prints the curl that sends a first message.
run: $(RUNS)
	exec $(BIN)/chappe up

# Four workers for two cores: much of the time tests wait for peers that are slow on purpose.
test: $(TESTS)
	$(BIN)/pytest -n 4 -q

check: $(TESTS)
	$(BIN)/ruff format --check src tests
	$(BIN)/ruff check src tests
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/pytest -q tests/unit/docs
	$(BIN)/pytest -n 2 -q

format: $(TESTS)
	$(BIN)/ruff format src tests
	$(BIN)/ruff check --fix src tests

# The pages that are written from the code: settings and commands.
docs: $(TESTS)
	$(BIN)/python -m chappe.cli.reference docs

# The pictures of the web pages, by a headless chromium over a gateway of their own.
screenshots: $(TESTS)
	PYTHONPATH=tests $(BIN)/python tests/screenshots.py

# A gateway of its own between a simulated client and SMSC, in a temporary folder; ARGS are options of `chappe bench`.
bench: $(RUNS)
	$(BIN)/chappe bench $(ARGS)

# A box of processes over PostgreSQL; ARGS are options of `bench/boxes.py`.  Beside it lie measurements that take longer.
bench-boxes: $(TESTS)
	$(BIN)/python bench/boxes.py $(ARGS)

# Kills the gateway at each crash point, five times in each direction, and at random instants; the account is at the end.
crash: $(TESTS)
	$(BIN)/pytest -q -m '' tests/crash --crashes full --engine sqlite

# The same with each node a process over PostgreSQL, killed one by one and all at once: 40 minutes, and a machine of its own.
crash-boxes: $(TESTS)
	$(BIN)/pytest -q -m '' tests/crash --crashes full --engine postgres

# Boxes of many processes, deaths of a primary, a foreign gateway beside ours: on a machine with nothing else to do.
slow: $(TESTS)
	$(BIN)/pytest -q -m slow --ignore tests/crash

# Octets that coverage leads to, for as long as ARGS says; without a target it names those there are.
fuzz: $(TESTS)
	$(PIP) -e '.[fuzz]'
	$(BIN)/python tests/fuzz/$(or $(FUZZ),fuzz).py $(ARGS)

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || .ci/tools python3-venv
	$(PYTHON) -m venv $(VENV)

$(RUNS): pyproject.toml | $(BIN)/python
	$(PIP) -e .
	touch $@

$(TESTS): pyproject.toml | $(BIN)/python
	$(PIP) -e '.[dev]'
	touch $@ $(RUNS)
