# `make run` and `make test` do all the set-up: they need Python 3.11, make and git.

# A request reaches the program through the environment, so that its quotes and dollars survive make and the shell.
override REQUEST := $(value REQUEST)
export REQUEST

# Compiled modules are kept also where the environment says not to: every command starts in half the time.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= $(firstword $(foreach name,python3.11 python3 python3.12 python3.13 python,\
	$(if $(shell $(name) -c 'import sys; sys.version_info >= (3, 11) and print(1)' 2>/dev/null),$(name))))
VENV := .venv
PY := $(VENV)/bin/python
UV := $(VENV)/bin/uv
INSTALL := $(UV) pip install --quiet --python $(PY)
LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-find-links \
	--custom-compile-command "make lock" $(UPGRADE)

# uv does not read pip's settings: where pip has been given a mirror by the environment, uv takes the same one.
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test test-all check format bench lock clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/ready-to-run ## plan a request and run what came of it: make run REQUEST="..."
	@$(PY) -m plait.commands.demo $${REQUEST:+"$$REQUEST"}

test: $(VENV)/ready-to-test ## the tests, offline, without the slow ones
	@$(PY) -m pytest -m "not slow" $(ARGS)

test-all: $(VENV)/ready-to-test ## every test; a skipped one is a failure
	@$(PY) -m pytest --no-skips $(ARGS)

check: $(VENV)/ready-to-test ## lint, format, strict types
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

format: $(VENV)/ready-to-test ## write the code in the house's format
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

bench: $(VENV)/ready-to-test ## the benchmarks' tables
	@$(PY) -m evals.benchmarks $(ARGS)

lock: $(VENV)/ready ## the locks anew from pyproject.toml; UPGRADE=--upgrade takes newer releases
	$(LOCK) pyproject.toml --group build --extra planner --extra evals --extra dev -o requirements/dev.txt
	$(LOCK) pyproject.toml --group build --extra planner --extra evals --extra local \
		-c requirements/dev.txt -o requirements/run.txt
	$(LOCK) --group pyproject.toml:bootstrap -o requirements/uv.txt

clean: ## away with the environment and everything made
	rm -rf $(VENV) dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment is made once; its three files of this kind say how far it got.
$(VENV)/ready: requirements/uv.txt
	@test -n "$(PYTHON)" || { echo "plait needs Python 3.11 or newer: install it, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Making the environment in $(VENV) ..."
	@$(PYTHON) -m venv --clear $(VENV) || { echo "no venv module: on Debian and Ubuntu, apt-get install python3-venv" >&2; exit 1; }
	@$(PY) -m pip install -qq --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/uv.txt
	@touch $@

$(VENV)/ready-to-test: $(VENV)/ready requirements/dev.txt pyproject.toml
	@echo "Installing what the tests need ..."
	@$(INSTALL) --require-hashes -r requirements/dev.txt
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/ready-to-run: $(VENV)/ready requirements/run.txt pyproject.toml
	@echo "Installing what a run needs ..."
	@$(INSTALL) --require-hashes -r requirements/run.txt
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@
