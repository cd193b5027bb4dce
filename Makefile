# Every task in this repository has a target here; `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
REQUIREMENTS := requirements/bootstrap.txt requirements/dev.txt
PACKAGES := core/oxy_core operator/oxy_operator tenant_runtime/oxy_tenant ai/oxy_ai cli/oxy_cli dev/oxy_dev
JOBS ?= 6
INSTANCE ?= petshop
STATE := $(if $(OXY_STATE),$(OXY_STATE),$(CURDIR)/.oxy)
ifneq ($(CLUSTER),existing)
export KUBECONFIG := $(STATE)/kubeconfig
endif
export CLUSTER REGISTRY INSECURE
# Tests and the local system start hundreds of Python processes: without cached byte code each compiles its imports anew.
unexport PYTHONDONTWRITEBYTECODE
UV_COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 --custom-compile-command "make lock"

.PHONY: help
help: ## Show this help
	@if test -t 1 -a -z "$${NO_COLOR:-}"; then bold=$$'\033[1m' blue=$$'\033[36m' plain=$$'\033[0m'; fi; \
	awk -v bold="$${bold:-}" -v blue="$${blue:-}" -v plain="$${plain:-}" 'BEGIN {FS = ":.*##"} \
		/^##@/ {printf "\n%s%s%s\n", bold, substr($$0, 5), plain} \
		/^[a-z0-9-]+:.*##/ {printf "  %s%-17s%s %s\n", blue, $$1, plain, $$2}' $(MAKEFILE_LIST)

##@ Run
.PHONY: up down chat evaluate logs status
up: setup ## Start the whole system on a local Kubernetes and play a conversation (CLUSTER=existing REGISTRY=…: on your own)
	@$(BIN)/python -m oxy_dev up

down: setup ## Remove every trace of the local cluster (ALL=1: also of those of other checkouts)
	@$(BIN)/python -m oxy_dev down $(if $(ALL),--all)

chat: setup ## Talk to the running system as a customer (AS=owner: as the owner); starts plain processes if nothing runs
	@$(BIN)/python -m oxy_dev chat $(if $(filter-out default,$(origin AS)),--as $(AS))

evaluate: setup ## Play the golden dialogues with a model (OXY_OPENAI_API_KEY; MODEL=… BASE_URL=… OPTIONS="--only booking")
	@$(BIN)/python -m oxy_dev evaluate --html $(or $(REPORT),evaluation.html) --json $(or $(REPORT:.html=.json),evaluation.json) \
		$(if $(MODEL),--model $(MODEL)) $(if $(BASE_URL),--base-url $(BASE_URL)) $(OPTIONS)

logs: setup ## Follow the tenant's log (INSTANCE=petshop)
	@$(BIN)/python -m oxy_dev oxy logs $(INSTANCE) --follow

status: setup ## Show all instances
	@$(BIN)/python -m oxy_dev oxy status

##@ Check
TESTS := tests/unit tests/integration tests/upgrade
.PHONY: test byte-code test-programs e2e e2e-existing e2e-node e2e-node-matrix chaos chaos-kills chaos-tenant chaos-unasked plans bench bench-assistants bench-engine bench-messages bench-processor bench-simulator bench-operator bench-tenant
test: lint kube ## Lint, types, unit and integration tests with real servers (COVERAGE=1 measures coverage)
	@$(MAKE) --no-print-directory --jobs=3 types byte-code test-programs
	@$(BIN)/pytest $(TESTS) --numprocesses $(JOBS) --dist loadgroup $(if $(COVERAGE),--cov --cov-report=term)

# One process compiles what all that run the tests import; each would compile it for itself. Errors are shown by the run.
# Tenant pods run code of their own, without docstrings and columns.
byte-code: setup
	@PYTHONNODEBUGRANGES=1 $(BIN)/python -OO -c 'import oxy_tenant.process, oxy_tenant.links.neonize.adapter'
	@$(BIN)/pytest $(TESTS) --collect-only -qqq >/dev/null 2>&1 || true

# A cold compiler needs minutes for these, more than a test is given.
test-programs: setup
	@$(BIN)/python -m oxy_dev.test_programs

e2e: kube ## Two minutes of overlapping faults, thirty around one tenant, a few kills, then end-to-end tests on the local cluster
	@$(MAKE) --no-print-directory --jobs --output-sync=target e2e-days e2e-tenant e2e-unasked images
	@$(BIN)/pytest tests/e2e -m "not existing and not node and not matrix"

# Side by side, because they mostly wait; the images are built meanwhile.
.PHONY: e2e-days e2e-tenant e2e-unasked
e2e-days: setup
	@OXY_CHAOS_SECONDS=120 OXY_CHAOS_SEED=$${OXY_CHAOS_SEED:-12} $(BIN)/pytest tests/chaos/test_bad_days.py

e2e-tenant: setup
	@OXY_CHAOS_EVENTS=30 OXY_CHAOS_SEED=$${OXY_CHAOS_SEED:-8} $(BIN)/pytest tests/chaos/test_bad_connections.py

e2e-unasked: setup
	@OXY_CHAOS_KILLS=12 $(BIN)/pytest tests/chaos/test_unasked_kills.py

e2e-existing: kube ## The same with images from a registry, as on your own cluster (CLUSTER=existing)
	@$(BIN)/pytest tests/e2e -m existing

e2e-node: kube ## Life cycle of the local node alone: up, killed, repaired, down without a trace (no node may be running)
	@$(BIN)/pytest tests/e2e -m node

e2e-node-matrix: kube ## One instance for each cause of a lost connection, side by side on the local cluster, bus up and down
	@$(BIN)/pytest tests/e2e -m matrix

chaos: kube ## Ten minutes of overlapping faults, then count every message (SHORT=1: two; OXY_CHAOS_SEED repeats a run)
	@OXY_CHAOS_SECONDS=$(if $(SHORT),120,600) $(BIN)/pytest tests/chaos/test_bad_days.py --capture=no

chaos-kills: setup ## kill -9 each part often, mid-conversation, and count the answers (SHORT=1; OXY_CHAOS_SEED repeats a run)
	@$(if $(SHORT),OXY_CHAOS_KILLS=6 )$(BIN)/pytest tests/chaos/test_kills.py tests/chaos/test_tenant_kills.py --capture=no $(if $(SHORT),-k "not 90_seconds")

chaos-tenant: setup ## Break all around one tenant 300 times in ten minutes, then count every message (SHORT=1: 30 times)
	@$(if $(SHORT),OXY_CHAOS_EVENTS=30 )$(BIN)/pytest tests/chaos/test_bad_connections.py --capture=no

chaos-unasked: setup ## 200 times kill -9 of workers that send campaigns, automations and reports; count them at the phones (SHORT=1; OXY_CHAOS_SEED)
	@$(if $(SHORT),OXY_CHAOS_KILLS=12 )$(BIN)/pytest tests/chaos/test_unasked_kills.py --capture=no

plans: setup ## Read a database with a million messages as workers do: no table that grows whole; show the slowest statements
	@OXY_PLANS_ORGANIZATIONS=$${OXY_PLANS_ORGANIZATIONS:-50} OXY_PLANS_MESSAGES=$${OXY_PLANS_MESSAGES:-1000000} \
		$(BIN)/pytest tests/integration/ai/test_seeded_plans.py --capture=no --timeout=7200

bench: setup ## Measure latency, throughput and memory; print the tables of docs/benchmarks.md
	@$(BIN)/python benchmarks/run.py

bench-assistants: setup ## Measure the customers' assistant on a database with a million messages: context, processor time, memory
	@$(BIN)/python benchmarks/assistants.py

bench-engine: setup ## Measure the engine: several workers, a filled stream, a long conversation, a flood (about 15 minutes)
	@$(BIN)/python benchmarks/engine.py

bench-messages: setup ## Measure messages of every kind through a pod: delay, bursts, files, memory (LONG=100000: over as many)
	@$(BIN)/python benchmarks/messages.py $(if $(LONG),--long $(LONG))

bench-processor: setup ## Measure the processor time of one answer, by process
	@$(BIN)/python benchmarks/processor.py

bench-simulator: setup ## Measure the WhatsApp simulator alone: throughput, delay, memory (about 20 minutes)
	@$(BIN)/python benchmarks/simulator.py

bench-tenant: setup ## Measure one tenant pod: memory alone and of 20, imports, processor time by stage, idle, start, reconnections
	@$(BIN)/python benchmarks/tenant.py

bench-operator: kube ## Measure the operator with 200 instances: time, CPU, memory, API calls
	@$(BIN)/python benchmarks/reconcile.py --instances 200

##@ Build
.PHONY: images crds kube
images: setup ## Build all images (REGISTRY=…: named for a registry; PUSH=1: push; INSECURE=1: over HTTP)
	@$(BIN)/python -m oxy_dev images $(if $(REGISTRY),--registry $(REGISTRY)) $(if $(PUSH),--push) $(if $(INSECURE),--insecure) $(if $(BASE),--base $(BASE))

crds: setup ## Copy the custom resource definitions into the chart
	@$(BIN)/python -m oxy_dev.crds

kube: setup ## Build the local cluster's Kubernetes binary
	@$(BIN)/python -m oxy_dev kube

##@ Develop
.PHONY: setup lock fmt lint types style
setup: $(STAMP) ## Create the virtual environment with locked dependencies
$(STAMP): $(REQUIREMENTS) pyproject.toml simulator/pyproject.toml
	@$(PYTHON) -m venv --help >/dev/null && $(PYTHON) -c 'import ensurepip' 2>/dev/null || { apt-get update -qq && apt-get install -y -qq python3-venv; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/pip install --quiet --require-hashes --requirement requirements/bootstrap.txt
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable . --editable ./simulator
	@test -e /usr/lib/x86_64-linux-gnu/libmagic.so.1 -o -e /usr/lib/aarch64-linux-gnu/libmagic.so.1 || { apt-get update -qq && apt-get install -y -qq libmagic1; }
	@# Unpacked, not installed: PgBouncer's package would start a service.
	@test -x $(VENV)/debian/usr/sbin/pgbouncer || { mkdir -p $(VENV)/debian/archives/partial && apt-get update -qq \
		&& apt-get install -y -qq --reinstall --download-only --no-install-recommends -o Dir::Cache::archives=$(CURDIR)/$(VENV)/debian/archives pgbouncer \
		&& for package in $(VENV)/debian/archives/*.deb; do dpkg-deb --extract $$package $(VENV)/debian; done; }
	@touch $@

lock: ## Resolve dependencies into requirements/*.txt; locked versions that still fit are kept
	@printf 'uv==0.13.9\n' | $(UV_COMPILE) --output-file requirements/bootstrap.txt -
	@$(UV_COMPILE) --output-file requirements/core.txt pyproject.toml
	@for extra in operator tenant ai cli; do $(UV_COMPILE) --extra $$extra --output-file requirements/$$extra.txt pyproject.toml; done
	@$(UV_COMPILE) --output-file requirements/simulator.txt simulator/pyproject.toml
	@$(UV_COMPILE) --all-extras --group dev --override requirements/overrides.txt --output-file requirements/dev.txt pyproject.toml simulator/pyproject.toml requirements/*.in
	@for server in nats postgres model; do \
		$(UV_COMPILE) --constraint requirements/dev.txt --no-deps --output-file requirements/$$server.txt requirements/$$server.in; done

fmt: setup ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: setup ## Check style and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: setup ## Check types
	$(BIN)/mypy $(PACKAGES) simulator/oxy_simulator

style: setup ## Show sizes of functions, comments and suppressions; fail where a goal is missed
	@$(BIN)/python -m oxy_dev.style
