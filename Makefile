# lobate: `make demo` and `make test` need Python 3.11 to 3.13, make and a network, nothing else.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
TESTED := .venv/ready-for-tests

.PHONY: demo test torture bench lint docs lock wheel schema reference clean
.DELETE_ON_ERROR:

demo: $(READY)
	@$(BIN)/snakemake --cores all --resources gpu=1
	@$(BIN)/python -m lobate summary config/config.yaml

# One worker more than cores of a small machine: the tests on Slurm wait most of the time.
test: $(TESTED)
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -n 3 --dist loadgroup

# Kill -9 at random, then nonsense for every reader, then the store's model: longer with TIMES, FUZZ and MODEL, other moments with SEED.
TIMES ?= 50
SEED ?= 0
FUZZ ?= 2000
MODEL ?= 1000
torture: $(TESTED)
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m tests.faults.torture --times $(TIMES) --seed $(SEED)
	LOBATE_FUZZ=$(FUZZ) $(BIN)/python -m pytest -q tests/faults/test_fuzz.py
	LOBATE_MODEL=$(MODEL) $(BIN)/python -m pytest -q tests/faults/test_store_model.py

# ONLY="compose rasterize" measures some; without it all.
bench: $(TESTED)
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m benchmarks $(ONLY)

lint: $(TESTED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

# The site, into site/; a broken link or reference is an error.
docs: $(TESTED)
	$(BIN)/python -m sphinx -b html -n -W --keep-going -q docs site

# The environment, from the lock; made again when the lock changes.
$(READY): envs/requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2> /dev/null || { echo "lobate needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is another or missing: install one of them, then run make again as: make PYTHON=python3.12"; exit 2; }
	@echo "Making .venv from envs/requirements.lock: some minutes, about 7 GB (most of it PyTorch)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --require-hashes -r envs/requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(READY)

# What tests, linters, documentation and benchmarks need more than a run.
$(TESTED): $(READY) envs/requirements-dev.lock
	@echo "Adding what tests need, from envs/requirements-dev.lock"
	@$(BIN)/python -m pip install --quiet --require-hashes -r envs/requirements-dev.lock
	@touch $(TESTED)

# Pin what pyproject.toml asks for, with hashes: what a run needs, and all of it (needs uv).
COMPILE := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet pyproject.toml
lock:
	$(COMPILE) --extra workflow --extra review --extra onnx --output-file envs/requirements.lock
	$(COMPILE) --all-extras --constraint envs/requirements.lock --output-file envs/requirements-dev.lock

# The wheel, installed into an empty environment of its own, where the command works without a clone.
wheel: $(READY)
	$(BIN)/python tests/project/empty_environment.py

# The configuration's schema, from the settings' models.
schema: $(READY)
	$(BIN)/python -m lobate schema > workflow/schemas/config.schema.json

# The generated parts of docs/configuration.md and docs/verbs.md, from the settings' models and the verbs' signatures.
reference: $(READY)
	$(BIN)/python docs/reference.py

clean:
	rm -rf .venv .snakemake site .pytest_cache .ruff_cache .hypothesis
