# The developer's manual: each target is one thing one does with the project.

PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
HOST   ?= 127.0.0.1
PORT   ?= 5000
EXIT   ?= 0

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow serve lint bench validation docs lock clean

help: ## say what can be made
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Python 3.11 or newer is needed; say which with: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Wheels only, each checked against the hash in the lock: no compiler is ever needed.
$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r requirements-dev.lock
	@touch $@

demo: $(VENV)/.installed ## start the service, run the example flight through WPS, go on serving (EXIT=1: end after it)
	$(BIN)/python -m examples.demo --host $(HOST) --port $(PORT) $(if $(filter 1,$(EXIT)),--exit)

# Only what was asked for wins over pywps.cfg.
serve: $(VENV)/.installed ## start the service, as pywps.cfg says
	$(BIN)/gasflux-wps serve $(if $(filter-out file,$(origin HOST)),--host $(HOST)) $(if $(filter-out file,$(origin PORT)),--port $(PORT))

test: $(VENV)/.installed-dev ## run the tests, all but the slow ones
	$(BIN)/python -m pytest -n auto -m "not slow" $(PYTEST)

# One after the other: they kill, fill and measure.
test-slow: $(VENV)/.installed-dev ## run the slow tests: faults of real services, brokers and databases
	$(BIN)/python -m pytest -m slow $(PYTEST)

lint: $(VENV)/.installed-dev ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed-dev ## time the calculation, kriging beside its peers, and jobs and requests beside plain PyWPS
	$(BIN)/python -m benchmarks

validation: $(VENV)/.installed ## fly simulated flights of known rate, write the page that says how far off the rates are
	$(BIN)/python -m validation

docs: $(VENV)/.installed ## write the reference pages from the declarations, bring the translations up to them
	$(BIN)/python -m docs.make_reference
	$(BIN)/python -m docs.make_translations

lock: $(VENV)/.installed-dev ## lock the versions anew
	$(BIN)/python -m uv pip compile --quiet --generate-hashes --python-version 3.11 pyproject.toml --extra build --output-file requirements.lock
	$(BIN)/python -m uv pip compile --quiet --generate-hashes --python-version 3.11 pyproject.toml --extra build --extra dev --output-file requirements-dev.lock
	$(BIN)/python -m uv pip compile --quiet --generate-hashes --python-version 3.11 benchmarks/peers.in --output-file benchmarks/peers.txt

clean: ## remove what was made here
	rm -rf $(VENV) build data *.egg-info
