# lobate: `make demo` and `make test` need Python >= 3.11, make and a network, nothing else.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.PHONY: demo test torture bench lint docs lock schema reference clean
.DELETE_ON_ERROR:

demo: $(READY)
	@$(BIN)/snakemake --cores all --resources gpu=1
	@$(BIN)/python -m lobate summary config/config.yaml

# One worker more than cores of a small machine: the tests on Slurm wait most of the time.
test: $(READY)
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -n 3 --dist loadgroup

# Kill -9 at random, then nonsense for every reader, then the store's model: longer with TIMES, FUZZ and MODEL, other moments with SEED.
TIMES ?= 50
SEED ?= 0
FUZZ ?= 2000
MODEL ?= 1000
torture: $(READY)
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m tests.faults.torture --times $(TIMES) --seed $(SEED)
	LOBATE_FUZZ=$(FUZZ) $(BIN)/python -m pytest -q tests/faults/test_fuzz.py
	LOBATE_MODEL=$(MODEL) $(BIN)/python -m pytest -q tests/faults/test_store_model.py

# ONLY="compose rasterize" measures some; without it all.
bench: $(READY)
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m benchmarks $(ONLY)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

# The site, into site/; a broken link or reference is an error.
docs: $(READY)
	$(BIN)/python -m sphinx -b html -n -W --keep-going -q docs site

# The environment, from the lock; made again when the lock changes.
$(READY): envs/requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || { echo "lobate needs Python 3.11 or newer, and $(PYTHON) is older or missing: install one, then run make again as: make PYTHON=python3.12"; exit 2; }
	@echo "Making .venv from envs/requirements.lock: some minutes, about 6 GB (most of it PyTorch)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --require-hashes -r envs/requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(READY)

# Pin envs/requirements.in anew, with hashes (needs uv).
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet envs/requirements.in --output-file envs/requirements.lock

# The configuration's schema, from the settings' models.
schema: $(READY)
	$(BIN)/python -m lobate schema > workflow/schemas/config.schema.json

# The generated parts of docs/configuration.md and docs/verbs.md, from the settings' models and the verbs' signatures.
reference: $(READY)
	$(BIN)/python docs/reference.py

clean:
	rm -rf .venv .snakemake site .pytest_cache .ruff_cache .hypothesis
