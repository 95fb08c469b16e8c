# Sharepicks. `make demo` and `make test` need only Python 3.11 or newer and make: each sets up .venv by itself,
# once, from the locks. Choose the interpreter with PYTHON=/path/to/python.

BIN := .venv/bin

# One thread in each test worker: two pools of threads on two cores are slower than one.
ONE_THREAD := SHAREPICKS_THREADS=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
WORKERS ?= 2
PYTEST := $(ONE_THREAD) $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help demo test test-long check format lock upgrade bench runtime dev clean

help: ## what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

demo: runtime ## a simulated town, trained, evaluated and served; DEMO_EXIT=1 ends after its first reply
	@$(BIN)/sharepicks demo $(if $(DEMO_EXIT),--exit)

# A file goes to one worker as a whole, so that what it trains or starts is there once. (Marks of groups do nothing
# under pytest 9.2 and xdist 3.8.) In the order collected: the browser first, so that no long file ends alone.
test: dev ## every test that is not marked long
	@$(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not long" --durations=10 $(TESTS)

test-long: dev ## the long tests: minutes, and large data
	@$(PYTEST) -m long $(TESTS)

check: dev ## format, lint, strict types, the import layers, the lock, and what must not be in the tree
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pip check
	@$(PYTEST) -q tests/repository/test_tree.py

format: dev ## write the format, and mend what ruff can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

BENCH ?= $(patsubst benchmarks/%.py,%,$(wildcard benchmarks/*.py))

bench: dev ## every measurement in turn, a long time; BENCH=graphs ARGS=1000000 for one
	@for name in $(BENCH); do \
		echo "== benchmarks/$$name.py $(ARGS)"; $(BIN)/python benchmarks/$$name.py $(ARGS) || exit 1; \
	done

# The lock of the tests is resolved first; the two smaller ones are held to its versions.
EXTRAS := --extra complete-journey --extra postgres --extra tune # all but spark, which is large and needs Java
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--no-header --no-emit-index-url --no-emit-find-links

lock: dev ## redo the locks after a change of pyproject.toml; versions stay where they can
	@$(LOCK) $(UPGRADE) pyproject.toml --group dev $(EXTRAS) --output-file requirements-dev.lock
	@$(LOCK) $(UPGRADE) pyproject.toml --constraints requirements-dev.lock --output-file requirements.lock
	@$(LOCK) $(UPGRADE) --group build --constraints requirements-dev.lock --output-file requirements-build.lock

upgrade: ## redo the locks with the newest versions
	@$(MAKE) --no-print-directory lock UPGRADE=--upgrade

runtime:
	@PYTHON="$(PYTHON)" sh scripts/environment.sh runtime

dev:
	@PYTHON="$(PYTHON)" sh scripts/environment.sh dev

clean: ## remove .venv and every cache
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
