# `make` lists the targets. PYTHON is the interpreter that a new environment is made with; WORKERS is how many processes
# run the tests, each with up to 3 GB.
PYTHON ?= python3
WORKERS ?= 2
VENV ?= .venv
BIN = $(VENV)/bin
APP = imagetagger/web/app
PACKAGES = $(APP)/node_modules/.package-lock.json
BUILT = $(APP)/dist/index.html
# A change in one of these builds the app again.
APP_SOURCES = $(shell find $(APP)/src $(APP)/public $(APP)/LICENSES -type f) \
  $(addprefix $(APP)/,index.html review.html package.json tsconfig.json vite.config.ts licenses.ts)
PARALLEL = -n $(WORKERS) --dist loadfile --max-worker-restart 0
# Tests drive browsers and kill processes, under any load. A test that fails runs once more, five at most in all, and the
# summary shows both outcomes: a failure that does not repeat has a cause too. The slowest tests are listed in the end.
AGAIN = --reruns 1 --max-suite-reruns 5 --rerun-show-tracebacks --durations=60 --durations-min=5
NEEDS_NODE = node=$$(node -v 2>/dev/null); npm=$$(command -v npm); \
  echo "$$node" | awk -F '[v.]' '{ exit !($$2 > 20 || ($$2 == 20 && $$3 >= 19)) }' && test -n "$$npm" || { \
  echo "found Node $${node:-none} and npm $${npm:-none}, expected Node 20.19 or newer and its npm, which build and" \
    "test the web app: install them" >&2; exit 1; }

.DEFAULT_GOAL = help
.PHONY: help quickstart webapp test test-fast webapp-test lint imports types format benchmark fuzz requirements clean

help: ## show what each target does
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(VENV)/installed: pyproject.toml requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

quickstart: $(VENV)/installed ## make the environment, then a small tagger (about a minute), and tag photographs
	$(BIN)/python -m imagetagger.run +experiment=quickstart
	@printf '\nPhotographs that scikit-learn ships, tagged by the everyday tagger:\n'
	@$(BIN)/imagetagger tag "$$($(BIN)/python -c 'import sklearn; print(*sklearn.__path__)')/datasets/images"
	@printf '%s\n' '' 'Next:' \
	  '  source $(VENV)/bin/activate' \
	  '  imagetagger tag photo.jpg holiday/          tag your own' \
	  '  imagetagger learn --tag Rex rex*.jpg        teach it; also with a cat, a dog and a horse, five pictures each' \
	  '  make webapp && imagetagger serve            open the app'

webapp: $(BUILT) ## build the web app if its sources changed (needs Node 20.19 or newer)

$(PACKAGES): $(APP)/package-lock.json
	@$(NEEDS_NODE)
	npm ci --prefix $(APP) --ignore-scripts --no-audit --no-fund
	touch $@

$(BUILT): $(PACKAGES) $(APP_SOURCES)
	@$(NEEDS_NODE)
	npm run --prefix $(APP) build

test: $(VENV)/installed lint imports types webapp webapp-test ## everything that CI checks: style, imports, types, the app, every test
	$(BIN)/python -m pytest $(PARALLEL) $(AGAIN)

test-fast: $(VENV)/installed ## the tests that take at most a few seconds each (about 2 minutes in all)
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow"

webapp-test: $(PACKAGES) ## check style and types of the web app, run its tests
	@$(NEEDS_NODE)
	npm run --prefix $(APP) check
	npm test --prefix $(APP)

lint: $(VENV)/installed ## check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

imports: $(VENV)/installed ## check that packages import downwards only, and that what ships imports nothing heavy
	$(BIN)/lint-imports --no-cache --no-logo

types: $(VENV)/installed ## check types
	$(BIN)/mypy

format: $(VENV)/installed ## fix style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

benchmark: $(VENV)/installed ## time fit and predict against scikit-learn and a plain loop
	$(BIN)/python -m experiments.benchmarks.gaussian

fuzz: $(VENV)/installed ## feed damaged pictures, lists, bundles and lessons for MINUTES (10): none may crash, hang or be believed
	$(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),10)

requirements: $(VENV)/installed ## pin every dependency by version and hash after a change of pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --extra sweeps --extra ray --extra slurm --generate-hashes --no-header \
	  --no-strip-markers --no-emit-index-url --no-emit-find-links --output-file requirements.txt pyproject.toml

clean: ## remove the environment and all generated files
	rm -rf $(VENV) $(APP)/node_modules $(APP)/dist build dist outputs multirun tracking .pytest_cache .mypy_cache .ruff_cache .hypothesis
