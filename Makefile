# One door for developers: everything that people and CI run. `make help` lists it.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check audit format chaos bench bench-evidence venv constraints clean

PYTHON ?= python3
# One more than cores: many tests wait for what they have started.
JOBS ?= 3
ARGS ?=
BIN := .venv/bin

# pip reads these; the second is for what packages are built with, and older versions of pip do not know it
export PIP_CONSTRAINT := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
# where this is set every process would compile all that it imports anew: some seconds each, and demo and tests start hundreds
unexport PYTHONDONTWRITEBYTECODE

help: ## show this list
	@echo "fairdrift: watches decisions of models, and pages a person with proof when parity drifts past an agreed bound."
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24
	@echo
	@echo "  Pass options with ARGS, for example: make demo ARGS=--keep    make test ARGS='-k outbox -x'"

demo: .venv/.installed ## the whole story on real data, in under three minutes, with nothing to install beside Python
	@$(BIN)/python -m streams.cli demo $(ARGS)

test: .venv/.installed-dev ## all tests but chaos and benchmarks, on embedded Kafka and Postgres (and Apache Kafka where Java is)
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup $(ARGS)

check: .venv/.installed-dev ## format, lint (security too), types, layers, and what deploys it by hadolint, promtool and others
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -n 0 tests/deploy/test_manifests.py

audit: .venv/.installed-dev ## known vulnerabilities of the pinned dependencies, by pip-audit (needs the network; not part of check)
	@$(PYTHON) -m venv .venv/audit && .venv/audit/bin/python -m pip install -q pip-audit || true
	@rm -f .venv/audit/found.json
	@.venv/audit/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip --progress-spinner off \
	    --format json --output .venv/audit/found.json; $(BIN)/python -m tests.deploy.audited .venv/audit/found.json

format: .venv/.installed-dev ## put the format right, and what lint can put right
	$(BIN)/python -m ruff format .
	$(BIN)/python -m ruff check --fix .

chaos: .venv/.installed-dev ## kill workers, broker and database at random on Apache Kafka, and compare every sum (MINUTES=6)
	@$(BIN)/python -m tests.chaos $(if $(MINUTES),--minutes $(MINUTES)) $(ARGS)

bench: .venv/.installed-dev ## measure speed beside other ways of doing it; writes bench-results/
	@$(BIN)/python -m tests.benchmarks $(ARGS)

bench-evidence: .venv/.installed-dev ## false pages and delays of evidence and of other rules, simulated (ARGS=--quick: minutes)
	@$(BIN)/python -m tests.benchmarks.evidence $(ARGS)

venv: .venv/.installed-dev ## the virtual environment with everything for development, in .venv
	@echo "ready: .venv (activate it with: . .venv/bin/activate)"

constraints: .venv/.installed-dev ## write constraints.txt again from the versions that are installed
	@sed -n '/^#/p' constraints.txt >constraints.new
	@$(BIN)/python -m pip freeze --exclude-editable >>constraints.new
	@sed -n '/^setuptools==/p' constraints.txt >>constraints.new
	@mv constraints.new constraints.txt

clean: ## remove the environment, caches and results
	rm -rf .venv .cache bench-results build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "fairdrift needs Python 3.11 or newer; $(PYTHON) is: $$($(PYTHON) --version 2>&1)." >&2; \
	    echo "Install one and name it:  make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "This Python cannot make virtual environments. On Debian and Ubuntu:  apt-get install python3-venv" >&2; exit 2; }
	@$(PYTHON) -m venv --clear .venv

.venv/.installed: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing fairdrift into .venv (once; a minute or so) ..."
	@$(BIN)/python -m pip install -q --no-compile -e .
	@touch $@

.venv/.installed-dev: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing fairdrift and its development tools into .venv (once; a minute or two) ..."
	@$(BIN)/python -m pip install -q --no-compile -e '.[dev]'
	@touch .venv/.installed $@
