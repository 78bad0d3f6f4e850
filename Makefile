# Everything a user or developer does here, one target each. `make` lists them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

BIN := .venv/bin
IS_SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
# The first Python from 3.11 to 3.13 that runs; `make PYTHON=/path/to/python` takes another.
PYTHON ?= $(shell for candidate in python3 python3.13 python3.12 python3.11; do \
	if "$$candidate" -c '$(IS_SUPPORTED)' 2>/dev/null; then echo "$$candidate"; break; fi; done)
NO_PYTHON = $(if $(PYTHON),$(PYTHON) isn't one that runs,none was found (python3 is $$(python3 --version 2>&1)))
# uv because it is fast; where it can't install, plain pip does the same from the same lock.
INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python $(1) \
	|| { echo "uv could not install; trying pip" >&2; $(BIN)/python -m pip install --quiet $(1); }

##@ Run it

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  \033[36m%-14s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: .venv/.ready ## Deliver a generated tenant to an emulated Autopilot (DESTINATION=ortto) through a real Airflow, print the report
	@$(BIN)/python tools/demo.py run $(if $(DESTINATION),--destination "$(DESTINATION)")

.PHONY: demo-move
demo-move: .venv/.ready ## Move an export from an emulated Autopilot to an emulated Ortto, and compare who may be mailed
	@$(BIN)/python tools/demo_move.py

.PHONY: up
up: .venv/.ready ## Keep Airflow's UI open (Ctrl-C ends it): with your own exports where they are set, else the demo
	@$(BIN)/python tools/demo.py up $(if $(DESTINATION),--destination "$(DESTINATION)")

.PHONY: check
check: .venv/.ready ## Hold every export definition against its source; nothing is sent
	@$(BIN)/python tools/own_airflow.py check

.PHONY: segments
segments: .venv/.ready ## Show what a source has to export (EXPORT=newsletter, SOURCE=lake SOURCE_PATH=…, SOURCE=api CONNECTION=…)
	@$(BIN)/python tools/own_airflow.py segments $(SOURCE_OPTIONS)

.PHONY: new-export
new-export: .venv/.ready ## Write a first definition (NAME=winback, the source as for segments; DESTINATION=ortto NEW_PEOPLE=… CREATE_FIELDS=…)
	@$(BIN)/python tools/own_airflow.py new-export "$(NAME)" $(SOURCE_OPTIONS) $(if $(DESTINATION),--to "$(DESTINATION)") \
		$(if $(NEW_PEOPLE),--new-people "$(NEW_PEOPLE)") $(if $(CREATE_FIELDS),--create-fields "$(CREATE_FIELDS)")

.PHONY: look-up
look-up: .venv/.ready ## Tell what is known of a person; it asks for the address (EMAILS=file IDS=file, one a line; ARGS="--json")
	@$(BIN)/python tools/own_airflow.py look-up $(if $(EMAILS),--emails "$(EMAILS)") $(if $(IDS),--customer-ids "$(IDS)") $(ARGS)

.PHONY: erase
erase: .venv/.ready ## Erase people (EMAILS=file IDS=file, one a line; AT_DESTINATION=yes deletes them there too; DRY_RUN=yes)
	@$(BIN)/python tools/own_airflow.py erase $(if $(EMAILS),--emails "$(EMAILS)") $(if $(IDS),--customer-ids "$(IDS)") \
		$(if $(call is_yes,$(AT_DESTINATION)),--at-destination) $(if $(call is_yes,$(DRY_RUN)),--dry-run) $(ARGS)

.PHONY: move
move: .venv/.ready ## Before an export goes to Ortto, keep who unsubscribed unmailed there (EXPORT=… TO=ortto_default; APPLY=yes writes)
	@$(BIN)/python tools/own_airflow.py move "$(EXPORT)" "$(TO)" $(if $(FROM),--from "$(FROM)") $(if $(SCOPE),--scope "$(SCOPE)") \
		$(if $(call is_yes,$(APPLY)),--apply) $(ARGS)

.PHONY: purge
purge: .venv/.ready ## Purge the files of old runs of all exports (ARGS="--keep-days 30 --history-days 400")
	@$(BIN)/python tools/own_airflow.py purge $(ARGS)

is_yes = $(filter yes,$(1))$(if $(filter-out yes no,$(1)),$(error write yes or no, not $(1)))

SOURCE_OPTIONS = $(if $(EXPORT),--like "$(EXPORT)") $(if $(SOURCE),--source "$(SOURCE)") \
	$(if $(SOURCE_PATH),--path "$(SOURCE_PATH)") $(if $(CONNECTION),--connection "$(CONNECTION)") $(ARGS)

##@ Develop it

.PHONY: test
test: lint types lock-check schema-check pytest ## All checks and all tests, as CI runs them

.PHONY: pytest
pytest: .venv/.ready-dev ## The tests alone (ARGS="-k lake -x")
	@$(BIN)/python -m pytest -n 2 $(ARGS)

.PHONY: search
search: .venv/.ready-dev ## Look for a course of events after which somebody is mailed who refused, or lost (EXAMPLES=500 STEPS=12)
	@HYPOTHESIS_PROFILE=search SEARCH_EXAMPLES="$(or $(EXAMPLES),500)" SEARCH_STEPS="$(or $(STEPS),12)" \
		$(BIN)/python -m pytest tests/search/test_search.py --timeout 0 $(ARGS)

.PHONY: lint
lint: .venv/.ready-dev ## Formatting, ruff's rules, and which way imports go
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-logo

.PHONY: types
types: .venv/.ready-dev ## mypy, strict
	@$(BIN)/mypy

.PHONY: fix
fix: .venv/.ready-dev ## Format, and correct what ruff can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: lock
lock: .venv/.ready ## Compile requirements*.txt from requirements*.in (ARGS=--upgrade for newer versions)
	@$(BIN)/python tools/lock.py $(ARGS)

.PHONY: lock-check
lock-check: .venv/.ready-dev
	@$(BIN)/python tools/lock.py --check

.PHONY: audit
audit: .venv/.ready-dev ## Hashes and licences of the locks, and advisories where their database can be reached
	@$(BIN)/python tools/audit.py $(ARGS)

.PHONY: schema
schema: .venv/.ready ## Write the JSON Schemas of the export definition and the run report to docs/
	@$(BIN)/python tools/write_schemas.py

.PHONY: schema-check
schema-check: .venv/.ready-dev
	@$(BIN)/python tools/write_schemas.py --check

.PHONY: bench
bench: .venv/.ready-dev ## Measure the engine, short
	@$(BIN)/python -m benchmarks

.PHONY: bench-full
bench-full: .venv/.ready-dev ## Measure everything, side by side with what a user would pick instead (about 45 minutes)
	@$(BIN)/python -m benchmarks --full

.PHONY: screenshots
screenshots: .venv/.ready-dev ## Take the pictures in docs/images/ from a real Airflow in headless Chromium
	@$(BIN)/python tools/screenshots.py

.PHONY: clean
clean: ## Remove .venv and what demo and tests leave; the state of your own exports in .airflow stays
	rm -rf .venv .demo .demo.lock .bench .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -path ./.airflow -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
	@if [ -d .airflow ]; then \
		echo "Left alone: $(CURDIR)/.airflow, where make up keeps your exports' ledgers, their key and Airflow's connections."; fi

.venv/.ready: requirements.txt requirements-tools.txt pyproject.toml
	@$(or $(PYTHON),false) -c '$(IS_SUPPORTED)' 2>/dev/null || { \
		echo "Python 3.11, 3.12 or 3.13 is needed, and $(NO_PYTHON)." >&2; \
		echo "Install one, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Setting up .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-tools.txt
	@$(call INSTALL,--require-hashes -r requirements.txt)
	@$(call INSTALL,--no-deps -e .)
	@touch $@

.venv/.ready-dev: .venv/.ready requirements-dev.txt
	@$(call INSTALL,--require-hashes -r requirements-dev.txt)
	@touch $@
