# `make` explains itself. PYTHON chooses the interpreter a new environment is made with.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.DEFAULT_GOAL = help
.PHONY: help quickstart test test-fast lint types format benchmark requirements clean

help: ## show what each target does
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(VENV)/installed: pyproject.toml requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

quickstart: $(VENV)/installed ## make the environment, then train, evaluate and export a small tagger (under 3 minutes)
	$(BIN)/python -m imagetagger.run +experiment=quickstart

test: $(VENV)/installed lint types ## make the environment, then check style, types and run every test
	$(BIN)/python -m pytest

test-fast: $(VENV)/installed ## the tests that take no more than a few seconds each
	$(BIN)/python -m pytest -m "not slow"

lint: $(VENV)/installed ## check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed ## check types
	$(BIN)/mypy

format: $(VENV)/installed ## mend style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

benchmark: $(VENV)/installed ## time fit and predict beside scikit-learn and a plain loop
	$(BIN)/python experiments/benchmarks/gaussian.py

requirements: $(VENV)/installed ## pin every dependency by version and hash, after a change of pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --extra sweeps --extra ray --extra slurm --generate-hashes --no-header \
	  --no-strip-markers --no-emit-index-url --no-emit-find-links --output-file requirements.txt pyproject.toml

clean: ## remove the environment and everything generated
	rm -rf $(VENV) build dist outputs .pytest_cache .ruff_cache .hypothesis
