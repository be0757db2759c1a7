# Every target sets up what it needs; `make help` lists them.
PYTHON ?= python3
NETWORKS ?= 1
UV_VERSION := 0.13.9

BIN := .venv/bin
UV := $(BIN)/uv
LOCKS := requirements/base.txt $(if $(filter 0,$(NETWORKS)),,requirements/networks.txt)
KERNELS := training/c_library.py $(addprefix training/rankers/,trees.c trees_panel.h) \
	$(addprefix training/retrieval/,top_k.c top_k_tile.h interests_ward.py products.py compiled.py)
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
SETUP := .venv/.set-up-$(NETWORKS)

.DEFAULT_GOAL := help
.PHONY: help setup demo test drill check bench dev lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 16

setup: $(SETUP)  ## environment, Delta's jars, class archive, C kernels; NETWORKS=0 leaves torch out

$(SETUP): $(LOCKS) pyproject.toml etl/jars.py $(KERNELS)
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if v in ((3, 11), (3, 12)) else f"Python 3.11 or 3.12 is needed, {sys.executable} is {v[0]}.{v[1]}. Name another: make setup PYTHON=python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(UV) && $(UV) --version | grep -q ' $(UV_VERSION) ' || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(UV) pip sync --quiet --compile-bytecode --python $(BIN)/python $(LOCKS)
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	$(BIN)/python -m etl.jars
	$(BIN)/python -m training.c_library
	$(BIN)/python -m training.retrieval.compiled
	@rm -f .venv/.set-up-* && touch $@

demo: $(SETUP)  ## a simulated shop from raw logs to slates; then look with make dev
	$(BIN)/nightmarket demo

test: $(SETUP)  ## every test that fits ten minutes on two cores
	$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder

drill: $(SETUP)  ## the long proofs: kills, backfill = nights, bad days, full disks, a soak
	$(BIN)/python -m pytest tests/drills --drill -n 2 --dist loadgroup --no-loadscope-reorder $(ARGS)

check: $(SETUP)  ## lint, types, import contracts, definitions
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/dg check defs

bench: $(SETUP)  ## speed of learning and listing candidates and of ranking them, beside peers
	$(ONE_THREAD) $(BIN)/python -m benchmarks.kernels
	$(ONE_THREAD) $(BIN)/python -m benchmarks.gbdt

dev: $(SETUP)  ## the Dagster UI on the default home, history kept
	$(BIN)/nightmarket ui

lock:  ## resolve the dependencies anew
	$(UV) pip compile --quiet --upgrade --generate-hashes --no-header --universal --python-version 3.11 requirements/base.in -o requirements/base.txt
	$(UV) pip compile --quiet --upgrade --generate-hashes --no-header --universal --python-version 3.11 requirements/networks.in -o requirements/networks.txt

clean:  ## remove the environment; data in .nightmarket stays
	rm -rf .venv
