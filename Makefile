# Everything a developer or a new user runs. `make quickstart` and `make test` need Python 3.11, make and a package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
READY := $(VENV)/.ready
JOBS ?= 4

.DEFAULT_GOAL := help
.PHONY: help quickstart test lint types contracts package manifests bench servers schema soak clean

help: ## what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 14

$(READY): pyproject.toml uv.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check uv==0.13.9
	$(UV) sync --frozen --all-extras --quiet
	@touch $@

quickstart: $(READY) ## the main job on this machine: a file store to a folder, then a diff to look at
	@sh config/quickstart/run.sh $(BIN)/syncd

test: $(READY) ## all tests, against the real servers, and the catalogue of faults
	$(BIN)/python -m tests.servers.kube_build
	$(BIN)/pytest -n $(JOBS) --dist worksteal
	$(BIN)/python -m tests.faults.check

soak: $(READY) ## 20,000 schedules of faults, crashes and foreign writers; SYNCD_SCHEDULES=N for another number
	SYNCD_SCHEDULES=$${SYNCD_SCHEDULES:-20000} $(BIN)/pytest -n $(JOBS) --dist worksteal -p no:cacheprovider tests/faults/test_invariants.py

lint: $(READY) ## ruff, formatting, YAML
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/yamllint --strict -c .yamllint.yaml config deploy

types: $(READY) ## mypy, strict
	$(BIN)/mypy

contracts: $(READY) ## import direction
	$(BIN)/lint-imports

package: $(READY) ## build the wheel, look into it, install it on its own
	sh tests/packaging/wheel.sh $(BIN)

manifests: $(READY) ## the shipped manifests against a real kube-apiserver
	$(BIN)/python -m tests.servers.kube_build
	$(BIN)/pytest -n 0 -p no:randomly tests/integration/test_manifests.py

bench: $(READY) ## benchmarks, as ratios in one run
	$(BIN)/python -m tests.servers.kube_build
	$(BIN)/python -m tests.bench

servers: $(READY) ## start every test server and say how to point syncd at it; ends with Ctrl-C
	$(BIN)/python -m tests.servers.kube_build
	$(BIN)/python -m tests.servers.play

schema: $(READY) ## write config/syncd.schema.json anew
	$(BIN)/syncd schema > config/syncd.schema.json

clean: ## remove what was built
	rm -rf $(VENV) dist quickstart-output .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
