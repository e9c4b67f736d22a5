# `make help` lists what there is. Needs Python 3.11 or newer; everything is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
DATA ?= data
ARGS ?=

RUNTIME := .venv/runtime.stamp
DEV := .venv/dev.stamp
AUDIT := build/audit

CHECKS := check-format check-lint check-types check-layers check-protos check-house check-container
GROUPED := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

.DEFAULT_GOAL := help
.PHONY: demo serve test check $(CHECKS) format bench profile torture scale overload audit generate image clean help

demo: $(RUNTIME)  ## A realistic day through the public interface, then the books are verified and balanced
	$(BIN)/python -m tests.demo $(ARGS)

serve: $(RUNTIME)  ## A server on loopback, open to this machine without keys, its books in SQLite under data/
	@mkdir -p $(DATA)
	@echo 'Everybody on this machine may do everything here. The README says how to serve with keys.'
	$(BIN)/tollhouse serve --insecure-no-auth --database-url sqlite:///$(DATA)/tollhouse.sqlite3 $(ARGS)

test: $(DEV)  ## All tests, on SQLite and PostgreSQL (ARGS='-k periods' for some)
	$(BIN)/pytest -n 2 --dist worksteal $(ARGS)

check: $(DEV)  ## Format, lint, types, layers, protos, freshness of generated code (under a minute)
	@$(MAKE) --no-print-directory --keep-going --jobs=2 $(GROUPED) $(CHECKS)

format: $(DEV)  ## Formats Python and protos in place
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format
	$(BIN)/buf format protos --write

bench: $(DEV)  ## Measures throughput as ratios of one run, into build/
	@mkdir -p build
	$(BIN)/python -m tests.benchmarks $(ARGS)

profile: $(DEV)  ## Shows where the time of a call goes, stage by stage, single and in batches, on both engines
	$(BIN)/python -m tests.benchmarks.stages $(ARGS)

torture: $(DEV)  ## Kills the server in a loop under load and checks the history (LONG=1: half an hour or more), into build/
	@mkdir -p build
	$(BIN)/python -m tests.torture $(if $(LONG),--long) $(ARGS)

scale: $(DEV)  ## Measures the memory of verify, export and QueryUsage over ten million operations (ARGS=--help)
	$(BIN)/python -m tests.scale $(ARGS)

overload: $(DEV)  ## Offers servers more than they can do, into build/ (give it an idle machine)
	@mkdir -p build
	$(BIN)/python -m tests.overload $(ARGS)

audit: $(DEV) $(AUDIT)  ## Looks for credentials in the files, and asks whether a dependency is known to be unsafe
	$(BIN)/python -m tests.house.secrets
	$(BIN)/python -m tests.house.dependencies $(AUDIT)/bin/pip-audit

generate: $(DEV)  ## Generates Python from protos/ into generated/
	$(BIN)/python -m tests.support.protoc generated

image:  ## Builds the container image and starts it restricted (docker, podman or buildah; ARGS=--help)
	$(PYTHON) -m tests.container $(ARGS)

clean:  ## Removes the environment and what was built; keeps data/
	rm -rf .venv build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find src generated tests -name __pycache__ -type d -prune -exec rm -rf {} +

help:
	@grep -hE '^[a-z]+:.*  ## ' $(MAKEFILE_LIST) | awk -F ':.*  ## ' '{ printf "make %-9s %s\n", $$1, $$2 }'

check-format:
	@echo '== format'
	@$(BIN)/ruff format --check --diff --quiet

check-lint:
	@echo '== lint'
	@$(BIN)/ruff check --quiet --output-format concise

check-types:
	@echo '== types'
	@$(BIN)/mypy --no-error-summary

check-layers:
	@echo '== layers'
	@$(BIN)/lint-imports --no-logo --no-cache

check-protos:
	@echo '== protos'
	@$(BIN)/buf lint protos
	@$(BIN)/buf format protos --diff --exit-code

check-house:
	@echo '== generated code and tidiness'
	@$(BIN)/pytest --quiet tests/house/test_generated.py tests/house/test_tidy.py

check-container:
	@echo '== container'
	@$(BIN)/hadolint Dockerfile
	@$(BIN)/pytest --quiet tests/house/test_container.py

$(RUNTIME): pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[books,stripe]'
	@touch $@

$(DEV): pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $(RUNTIME) $@

# An environment of its own: what is audited is not changed by that. Offline the audit says that it could not be made.
$(AUDIT): | .venv/bin/python
	@mkdir -p build
	@$(PYTHON) -m venv $@
	-@$@/bin/python -m pip install --quiet 'pip-audit>=2.10,<3' || rm -rf $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'Tollhouse needs Python 3.11 or newer: make PYTHON=/path/to/python3' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
		{ echo 'This Python cannot make virtual environments: install its venv package (Debian: python3-venv)' >&2; exit 1; }
	$(PYTHON) -m venv .venv
