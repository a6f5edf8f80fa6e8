# One virtual environment in the checkout; stamps keep set-up to once.
PYTHON ?= python3
BIN := .venv/bin
# compiling all of the packages takes longer than unpacking them; what is imported is compiled then
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
export PYTHONDONTWRITEBYTECODE :=
# torch wants cores, not hyper-threads, and two processes with default threads starve each other
export OMP_NUM_THREADS ?= $(shell nproc 2>/dev/null || echo 2)

# a process per core, each with one thread
PYTEST = OMP_NUM_THREADS=1 $(1)/bin/python -m pytest -n auto --dist worksteal

.PHONY: demo dev test test-slow test-lmms test-demo lmms gradio gate lint docs browser clean

demo: .venv/.installed
	$(BIN)/samtok-bench run --task gres

dev: .venv/.dev

# MARKS='not lmms' runs the slow ones in the same session: each worker collects the tests but once
MARKS ?= not slow and not lmms
test: dev lint
	$(call PYTEST,.venv) -m '$(MARKS)'

test-slow: .venv/.dev
	$(call PYTEST,.venv) -m slow

lmms: .venv-lmms/.installed

test-lmms: .venv-lmms/.installed
	$(call PYTEST,.venv-lmms) -m lmms tests/samtok_bench/lmms

# for `samtok-bench demo`, the page in a browser: .venv-demo/bin/python -m samtok_bench demo
gradio: .venv-demo/.installed

test-demo: .venv-demo/.installed
	OMP_NUM_THREADS=1 .venv-demo/bin/python -m pytest -m slow tests/samtok_bench/demo

# nano on mini against the runs in results/
gate: .venv/.installed
	$(BIN)/samtok-bench gate .ci/gate.yaml

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# the pages as a site in build/site; strict: a link or an anchor that leads nowhere fails (with --quiet it would not)
docs: .venv/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# for the tests of pages, which are skipped without it, and for docs/screenshots.py (Debian, Ubuntu)
BROWSER := apt-get install -y chromium chromium-driver
browser:
	@if [ "$$(id -u)" = 0 ]; then $(BROWSER); else echo 'as root: $(BROWSER)'; fi

.venv/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "samtok-bench needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	$(PIP) --editable .
	touch $@

# sam2 is the parity tests' oracle; with its dependencies it would bring torchvision and a second torch
.venv/.dev: .venv/.installed
	$(PIP) --editable '.[dev]'
	$(PIP) 'setuptools>=77' wheel
	SAM2_BUILD_CUDA=0 $(PIP) --no-deps --no-build-isolation sam2==1.1.0
	touch $@

# An environment on top of .venv, for packages that want others than it has: call with its folder.
# Its own packages come first; an installation into it leaves .venv as it is.
define above
	$(BIN)/python -m venv --clear --without-pip $(1)
	$(BIN)/python -c 'import sysconfig as s; print("import site; site.addsitedir(%r)" % s.get_path("purelib"))' \
		> "$$($(1)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/below.pth"
endef
INTO = $(1)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile

# lmms-eval wants torchvision, and fails with filelock 4
.venv-lmms/.installed: .venv/.dev
	$(call above,.venv-lmms)
	$(call INTO,.venv-lmms) 'filelock<4' datasets loguru sacrebleu evaluate pytz tenacity pytablewriter
	$(call INTO,.venv-lmms) --no-deps lmms-eval==0.7.3
	$(call INTO,.venv-lmms) --no-deps --no-build-isolation --editable .
	touch $@

# gradio wants Pillow below 13
.venv-demo/.installed: .venv/.dev
	$(call above,.venv-demo)
	$(call INTO,.venv-demo) 'gradio>=6.31,<7'
	touch $@

clean:
	rm -rf .venv .venv-lmms .venv-demo build dist *.egg-info
