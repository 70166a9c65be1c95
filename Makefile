# `make` lists what there is. Everything happens in .venv and .fibreflow; nothing outside this folder is changed.
PYTHON ?= python3
WORKERS ?= 2
BIN := .venv/bin
READY := .venv/.ready
BENCH_READY := .venv/.bench-ready
LOCK := .bootstrap/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command "make lock" pyproject.toml --extra build

.DEFAULT_GOAL := help
.PHONY: help setup demo up test coverage lint format bench screenshots lock stop forget clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

setup: $(READY) ## make .venv and install what requirements.lock names

$(READY): requirements.lock pyproject.toml scripts/setup.sh
	@PYTHON="$(PYTHON)" scripts/setup.sh requirements.lock
	@touch $@

$(BENCH_READY): $(READY) requirements-bench.lock
	@PYTHON="$(PYTHON)" scripts/setup.sh requirements-bench.lock
	@touch $@

demo: setup ## see a workbook become tickets, from the API's own answers
	@$(BIN)/fibreflow demo

up: setup ## run everything here: servers, API, workers, scheduler (Ctrl-C stops it)
	@$(BIN)/fibreflow up

test: setup ## run every test
	@scripts/browser.sh
	$(BIN)/python -m pytest -n $(WORKERS)

coverage: setup ## run every test, with coverage and its floors
	@scripts/browser.sh
	@rm -f .coverage .coverage.*
	$(BIN)/python -m pytest -n $(WORKERS) --cov --cov-report=
	$(BIN)/python -m tests.coverage_floors

lint: setup ## check format, style, types, floors and SQL
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/architecture

format: setup ## format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(BENCH_READY) ## measure against the plain ways, side by side
	@$(BIN)/python -m bench.weekly_import
	@$(BIN)/python -m bench.ticket_search
	@$(BIN)/python -m bench.photo_index
	@$(BIN)/python -m bench.repeat_faults
	@$(BIN)/python -m bench.dashboard
	@$(BIN)/python -m bench.day_totals
	@$(BIN)/python -m bench.qcontact_sync
	@$(BIN)/python -m bench.console
	@$(BIN)/python -m bench.ledger

screenshots: setup ## make docs/screenshots anew from a furnished console
	@scripts/browser.sh
	@$(BIN)/python -m tests.acceptance.browser.screenshots

lock: ## choose the newest versions of everything and write them down with their hashes
	@$(PYTHON) -m pip install --quiet --upgrade --target .bootstrap uv
	$(LOCK) --upgrade --extra dev --output-file requirements.lock
	$(LOCK) --constraint requirements.lock --output-file requirements-runtime.lock
	$(LOCK) --constraint requirements.lock --extra dev --extra bench --output-file requirements-bench.lock

stop: ## stop the embedded servers, if they run
	@if [ -x $(BIN)/fibreflow ] && [ -d .fibreflow ]; then $(BIN)/fibreflow stop; fi

forget: stop ## stop the embedded servers and delete their data
	rm -rf .fibreflow

clean: stop ## delete what was installed and built, but no data
	rm -rf .venv .bootstrap build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf .coverage .coverage.* htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
