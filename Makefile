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

.PHONY: demo dev test test-slow test-lmms lmms gate lint browser clean

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

# nano on mini against the runs in results/
gate: .venv/.installed
	$(BIN)/samtok-bench gate .ci/gate.yaml

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

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

# lmms-eval on top of .venv, out of its way: it wants torchvision, and fails with filelock 4
LMMS_PIP := .venv-lmms/bin/python -m pip install --quiet --disable-pip-version-check --no-compile
.venv-lmms/.installed: .venv/.dev
	$(BIN)/python -m venv --clear --without-pip .venv-lmms
	$(BIN)/python -c 'import sysconfig as s; print("import site; site.addsitedir(%r)" % s.get_path("purelib"))' \
		> "$$(.venv-lmms/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/below.pth"
	$(LMMS_PIP) 'filelock<4' datasets loguru sacrebleu evaluate pytz tenacity pytablewriter
	$(LMMS_PIP) --no-deps lmms-eval==0.7.3
	$(LMMS_PIP) --no-deps --no-build-isolation --editable .
	touch $@

clean:
	rm -rf .venv .venv-lmms build dist *.egg-info
