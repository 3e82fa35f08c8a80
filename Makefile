# `make` alone lists the targets. `run` and `test` work as root on a bare Debian 12.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LAB := build/lab
TYPED_TESTS := tests/support tests/topology tests/bench tests/image
PYTEST := $(BIN)/python -m pytest
OWN_CASES := tests/alg tests/unit/alg tests/compiler tests/unit/compiler tests/fuzz
# They wait more than they work: a process for each processor. Each takes whole files, in their order, so that the many
# short ones come last; what measures time is marked `alone`. PARALLEL= runs one after another.
PARALLEL := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
IMAGE_TESTS = APPLIANCED_IMAGE=build/image $(PYTEST) --tb short tests/image --timeout $(if $(APPLIANCED_SOAK),7200,1800)
COVERAGE := --cov=applianced.alg --cov=applianced.compiler --cov-branch --cov-report=term:skip-covered --cov-fail-under=100

# Compiled once and not at each of the hundreds of starts of the appliance; the sources' directories stay clean.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX := $(CURDIR)/build/pycache

.PHONY: help
help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: packages
packages:
	@.ci/system-packages

$(STAMP): constraints.txt pyproject.toml | packages
	/usr/bin/python3 -m venv --clear $(VENV)
	PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/pip install --quiet --no-input --disable-pip-version-check --editable '.[test]'
	@touch $@

.PHONY: run
run: $(STAMP) packages  ## build the lab, configure it over NETCONF, transfer files, leave it running
	@$(BIN)/python -m applianced.tools.lab --directory $(LAB) start

.PHONY: stop
stop:  ## remove every trace of the lab
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m applianced.tools.lab --directory $(LAB) stop; fi

FLEET := build/fleet
N := 20

.PHONY: collection
collection: $(STAMP) packages  ## write what the Ansible collection takes from the YANG modules
	@$(BIN)/python -m applianced.tools.collection collections/ansible_collections/applianced/appliance

.PHONY: sanity
sanity: $(STAMP) packages  ## ansible-test sanity and ansible-lint; keeps virtual environments in ~/.cache
	@.ci/collection-checks

.PHONY: machines
machines: $(STAMP) packages  ## the role and the upgrade on Debian machines, the rulebook in its engine
	@.ci/system-packages machines
	@$(PYTEST) tests/machines

.PHONY: fleet
fleet: $(STAMP) packages  ## N appliances to rehearse playbooks on (N=20), two of them with a network
	@$(BIN)/python -m applianced.tools.fleet --directory $(FLEET) start --size $(N)

.PHONY: fleet-stop
fleet-stop:  ## remove every trace of the fleet
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m applianced.tools.fleet --directory $(FLEET) stop; fi

.PHONY: image-packages
image-packages:
	@.ci/system-packages run build mkimage

.PHONY: image
image: $(STAMP) image-packages  ## make the VM image in build/image, as root
	@$(BIN)/python -m applianced.tools.vm build

.PHONY: boot
boot: $(STAMP) image-packages  ## boot the VM image under QEMU and say how to reach it (FRESH=1: forget the last one)
	@$(BIN)/python -m applianced.tools.vm boot $(if $(FRESH),--fresh)

.PHONY: boot-stop
boot-stop:  ## shut the booted machine down
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m applianced.tools.vm stop; fi

.PHONY: test-image
test-image: $(STAMP) packages image-packages  ## end-to-end on the VM image, made anew when its sources have changed
	@$(BIN)/python -m applianced.tools.vm build --when-stale
	@$(IMAGE_TESTS) -m alone; alone=$$?; $(IMAGE_TESTS) -m 'not alone' $(PARALLEL) && exit $$alone

.PHONY: coverage
coverage: $(STAMP) packages  ## ALGs and compiler are covered fully by their own cases
	@$(PYTEST) -q $(OWN_CASES) $(COVERAGE)

.PHONY: test
test: lint  ## everything, `coverage` within; the last line is pytest's
	@$(PYTEST) tests --ignore tests/machines --ignore tests/image $(PARALLEL) $(COVERAGE)

.PHONY: lint
lint: $(STAMP) packages  ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy $(TYPED_TESTS)
	$(BIN)/lint-imports

.PHONY: unit
unit: $(STAMP) packages  ## the tests that need neither root nor a network
	@$(PYTEST) tests -m 'not topology' --ignore tests/machines --ignore tests/image

.PHONY: topology
topology: $(STAMP) packages  ## real clients and servers through the appliance, in namespaces
	@$(PYTEST) tests/topology

.PHONY: soak
soak: $(STAMP) packages image-packages  ## the long form of every test that has one
	@.ci/system-packages machines
	@APPLIANCED_SOAK=1 $(PYTEST) tests --ignore tests/image --timeout 7200
	@APPLIANCED_SOAK=1 $(MAKE) test-image

.PHONY: bench
bench: $(STAMP) packages  ## measure against masquerade, the kernel helper and an idle queue
	@$(BIN)/python -m tests.bench --output build/bench

.PHONY: clean
clean: stop fleet-stop boot-stop  ## remove what was built, the virtual environment included
	rm -rf build $(VENV) *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
