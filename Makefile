# Development commands: `make` lists them. Everything is installed into .venv, at the versions of constraints.txt, and compared with the
# hashes of constraints.lock. Nothing else on the machine is changed, except by `make test-browser`, which installs Debian's chromium if
# no browser is found.
# Needed: make, git, and Python 3.11 or newer with venv (Debian, Ubuntu: python3 and python3-venv).
# pip's own settings (PIP_INDEX_URL and so on) are honoured: on Linux without a GPU, point pip at PyTorch's CPU builds first, which are
# several gigabytes smaller.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
SOUNDSIFT := $(VENV)/bin/soundsift
# A process of tests per core; a file's tests stay together, with what they share.
TESTS := $(PY) -m pytest --numprocesses logical --maxprocesses 8 --dist loadfile
# More arguments for the command behind a target: make test ARGS="-k solvers"
ARGS ?=

export PIP_DISABLE_PIP_VERSION_CHECK := 1
INSTALL := $(PY) -m pip install --quiet --only-binary :all:
# PyTorch alone has no hashes here: one version comes in builds for each kind of processor and GPU, from other places with other hashes.
# It goes first, without what it needs, which then comes with hashes like everything else.
TORCH := $(INSTALL) --no-deps --constraint constraints.txt torch
LOCKED := $(INSTALL) --require-hashes --constraint constraints.lock
REQUIREMENTS := $(PY) .ci/requirements.py
# One package's lines of constraints.lock: make .venv/pip.lock
$(VENV)/%.lock: constraints.lock
	@awk '/^$*==/ { found = 1 } found { print } found && !/\\$$/ { exit }' $< > $@

# Stamps: a target runs pip again only when one of these files changed.
PINS := pyproject.toml constraints.txt constraints.lock
SETUP_DONE := $(VENV)/.setup-done
BANK_TOOLS_DONE := $(VENV)/.bank-tools-done
BENCH_TOOLS_DONE := $(VENV)/.bench-tools-done
DEV_TOOLS_DONE := $(VENV)/.dev-tools-done

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-browser coverage test-hostile check docs bank-tools bank train bench pins lock dist sbom

help: ## list the targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: $(SETUP_DONE) ## make .venv and install soundsift into it

demo: $(SETUP_DONE) ## separate the bundled recording, by text and by span
	@$(PY) -m soundsift.demo $(ARGS)

test: $(DEV_TOOLS_DONE) ## run the tests; those of the studio's page only if Chromium is installed
	@$(TESTS) $(ARGS)

test-browser: $(DEV_TOOLS_DONE) ## install Chromium with apt-get if it is missing, and test the pages
	@$(PY) tests/chromium.py
	@$(TESTS) tests/studio/page tests/export $(ARGS)

coverage: $(DEV_TOOLS_DONE) ## run the tests and say which lines they miss
	@$(TESTS) --cov --cov-report=term $(ARGS)

test-hostile: $(DEV_TOOLS_DONE) ## damaged files, killed processes, full disks, attacks (an hour)
	@$(PY) -m pytest -m hostile -s $(ARGS)

check: $(DEV_TOOLS_DONE) ## lint, format check, types, imports, documentation
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports --no-logo
	@$(VENV)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --quiet --strict

docs: $(DEV_TOOLS_DONE) ## build the documentation's site into build/site
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --quiet --strict

bank-tools: $(BANK_TOOLS_DONE) ## install what building the sound bank and training need

bank: $(BANK_TOOLS_DONE) ## fetch the free sound packages and build the sound bank
	@$(SOUNDSIFT) data fetch
	@$(SOUNDSIFT) data build

train: $(BANK_TOOLS_DONE) ## train the default model on the sound bank; goes on where it stopped
	@$(SOUNDSIFT) train configs/default.yaml $(ARGS)
	@$(SOUNDSIFT) train configs/deeper.yaml $(ARGS)
	@$(SOUNDSIFT) train configs/reach.yaml $(ARGS)

bench: $(BENCH_TOOLS_DONE) ## score the model on the test scenes, beside other separators
	@$(SOUNDSIFT) bench $(ARGS)

pins: ## resolve every dependency anew and rewrite constraints.txt
	@rm -rf build/pins && $(PYTHON) -m venv build/pins
	@build/pins/bin/python -m pip install --quiet --upgrade pip
	@build/pins/bin/python -m pip install --quiet --only-binary :all: $$(grep '^torch==' constraints.txt) \
		editables hatchling '.[train,bench,listening,map,mcp,onnx,ray,released,studio,visual]' --group dev --group sbom
	@build/pins/bin/python -m pip install --quiet --only-binary :all: --no-deps tinysoundfont
	@{ sed -n '/^#/p' constraints.txt; build/pins/bin/python -m pip freeze --all --exclude soundsift \
		| sed 's/+cpu$$//'; } > build/constraints.txt
	@mv build/constraints.txt constraints.txt
	@$(MAKE) --no-print-directory lock

# For all systems and Pythons: so it holds some packages that constraints.txt, of one machine, does not.
UV := build/lock/bin/uv pip compile --quiet --generate-hashes --no-header --no-annotate --universal --python-version 3.11.5 \
	--constraint constraints.txt
lock: ## rewrite constraints.lock: the hashes of what constraints.txt pins
	@rm -rf build/lock && $(PYTHON) -m venv build/lock && build/lock/bin/python -m pip install --quiet uv
	@printf 'editables\nhatchling\npip\n' > build/lock/more.in && echo tinysoundfont > build/lock/without.in
	@$(UV) --all-extras --group dev --group sbom --no-emit-package torch pyproject.toml build/lock/more.in --output-file build/lock/with.txt
	@$(UV) --no-deps build/lock/without.in --output-file build/lock/without.txt
	@{ sed -n '/^#/p' constraints.lock; cat build/lock/with.txt build/lock/without.txt; } > build/lock/constraints.lock
	@mv build/lock/constraints.lock constraints.lock

dist: ## build the package into dist
	@$(PYTHON) -m venv build/dist-tools
	@$(MAKE) --no-print-directory build/dist-tools/pip.lock VENV=build/dist-tools
	@build/dist-tools/bin/python -m pip install --quiet --require-hashes --requirement build/dist-tools/pip.lock
	@build/dist-tools/bin/python -m pip install --quiet --only-binary :all: --require-hashes --constraint constraints.lock hatchling
	@build/dist-tools/bin/python -m hatchling build -d dist

# Of a fresh environment, without the tools of development: what users get with `pip install soundsift[listening,map,mcp,onnx,ray,released,studio,visual]`.
sbom: ## write build/soundsift.cdx.json, the software bill of materials, as CycloneDX
	@$(MAKE) --no-print-directory setup VENV=build/sbom
	@build/sbom/bin/python -m pip install --quiet --only-binary :all: --require-hashes --constraint constraints.lock \
		$$(build/sbom/bin/python .ci/requirements.py listening map mcp onnx ray released studio visual)
	@$(PYTHON) -m venv build/sbom-tools
	@build/sbom-tools/bin/python -m pip install --quiet --requirement build/sbom/pip.lock --require-hashes
	@build/sbom-tools/bin/python -m pip install --quiet --only-binary :all: --require-hashes --constraint constraints.lock --group sbom
	@build/sbom-tools/bin/python .ci/sbom.py build/sbom/bin/python build/soundsift.cdx.json

$(SETUP_DONE): $(PINS)
	@if ! $(PY) -m pip --version > /dev/null 2>&1; then \
		fail() { echo "make setup: $$*" >&2; exit 1; }; \
		command -v $(PYTHON) > /dev/null || \
			fail "there is no $(PYTHON); install Python 3.11 or newer (Debian, Ubuntu: apt install python3 python3-venv)"; \
		$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
			fail "soundsift needs Python 3.11 or newer, and $(PYTHON) is" \
				"$$($(PYTHON) --version 2>&1); name another: make setup PYTHON=python3.12"; \
		$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || \
			fail "$(PYTHON) cannot make virtual environments; install its venv module (Debian, Ubuntu: apt install python3-venv)"; \
		echo "Making the virtual environment $(VENV)"; \
		$(PYTHON) -m venv --clear $(VENV) || fail "$(PYTHON) could not make the virtual environment $(VENV)"; \
	fi
	@echo "Installing soundsift into $(VENV); the first time takes a few minutes"
	@$(MAKE) --no-print-directory $(VENV)/pip.lock
	@$(INSTALL) --require-hashes --requirement $(VENV)/pip.lock
	@$(TORCH)
	@$(LOCKED) editables hatchling $$($(REQUIREMENTS))
	@$(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(BANK_TOOLS_DONE): $(SETUP_DONE)
	@echo "Installing the tools for the sound bank and for training"
	@$(LOCKED) $$($(REQUIREMENTS) train)
	@# Without the pyaudio it asks for: see pyproject.toml. No wheel on some machines: then it is built.
	@$(MAKE) --no-print-directory $(VENV)/tinysoundfont.lock
	@$(PY) -m pip install --quiet --prefer-binary --no-deps --require-hashes --requirement $(VENV)/tinysoundfont.lock
	@touch $@

$(BENCH_TOOLS_DONE): $(SETUP_DONE)
	@echo "Installing the separators to compare with"
	@$(LOCKED) $$($(REQUIREMENTS) bench)
	@touch $@

$(DEV_TOOLS_DONE): $(BANK_TOOLS_DONE) $(BENCH_TOOLS_DONE)
	@echo "Installing the development tools"
	@$(LOCKED) $$($(REQUIREMENTS) listening map mcp onnx ray released studio visual)
	@$(LOCKED) --group dev
	@touch $@
