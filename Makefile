# `make` explains itself. PYTHON chooses the interpreter a new environment is made with, WORKERS how many processes run
# the tests: each takes up to 3 GB.
PYTHON ?= python3
WORKERS ?= 2
VENV ?= .venv
BIN = $(VENV)/bin
APP = imagetagger/webapp
PACKAGES = $(APP)/node_modules/.package-lock.json
BUILT = $(APP)/dist/index.html
# What the app is built from: whatever changes in it builds it again.
APP_SOURCES = $(shell find $(APP)/src $(APP)/public $(APP)/LICENSES -type f) \
  $(addprefix $(APP)/,index.html package.json tsconfig.json vite.config.ts licenses.ts)
NEEDS_NODE = node=$$(node -v 2>/dev/null); npm=$$(command -v npm); \
  echo "$$node" | awk -F '[v.]' '{ exit !($$2 > 20 || ($$2 == 20 && $$3 >= 19)) }' && test -n "$$npm" || { \
  echo "found Node $${node:-none} and npm $${npm:-none}, expected Node 20.19 or newer and its npm, which build and" \
    "test the web app: install them" >&2; exit 1; }

.DEFAULT_GOAL = help
.PHONY: help quickstart webapp test test-fast webapp-test lint types format benchmark requirements clean

help: ## show what each target does
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(VENV)/installed: pyproject.toml requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

quickstart: $(VENV)/installed ## make the environment, then train, evaluate and export a small tagger (about 4 minutes)
	$(BIN)/python -m imagetagger.run +experiment=quickstart

webapp: $(BUILT) ## build the web app, where its sources changed (needs Node 20.19 or newer)

$(PACKAGES): $(APP)/package-lock.json
	@$(NEEDS_NODE)
	npm ci --prefix $(APP) --ignore-scripts --no-audit --no-fund
	touch $@

$(BUILT): $(PACKAGES) $(APP_SOURCES)
	@$(NEEDS_NODE)
	npm run --prefix $(APP) build

test: $(VENV)/installed lint types webapp webapp-test ## make the environment, build the app, check style and types, run every test
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --max-worker-restart 0

test-fast: $(VENV)/installed ## the tests that take no more than a few seconds each
	$(BIN)/python -m pytest -m "not slow"

webapp-test: $(PACKAGES) ## check style and types of the web app and run its own tests
	@$(NEEDS_NODE)
	npm run --prefix $(APP) check
	npm test --prefix $(APP)

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
	rm -rf $(VENV) $(APP)/node_modules $(APP)/dist build dist outputs .pytest_cache .ruff_cache .hypothesis
