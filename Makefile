# Two commands on a fresh machine: `make app` and `make test`. Both need Python 3.11 or newer and
# make; everything else is installed into .venv on first use, and again when requirements.txt or
# pyproject.toml change.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
CANDIDATES := python3 python3.14 python3.13 python3.12 python3.11
PYTHON ?= $(firstword $(foreach each,$(CANDIDATES),$(shell \
	$(each) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(each))))

.PHONY: help app test lab check format bench clean
.NOTPARALLEL:

help:
	@echo "make app     open the app on http://127.0.0.1:7860"
	@echo "make lab     open JupyterLab on the notebooks"
	@echo "make test    run every test, notebooks included"
	@echo "make check   ruff, pyright and import-linter"
	@echo "make format  let ruff lay out the code"
	@echo "make bench   time PGM against MDLM on this machine"
	@echo "make clean   remove the environment and all caches (checkpoints and runs stay)"

app: $(READY)
	$(BIN)/python -m app

lab: $(READY)
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) notebooks

test: $(READY)
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
		echo "There is no Chromium on the PATH, so the browser tests will be skipped." \
		"Debian and Ubuntu: apt-get install chromium"
	PGM_LITE_FAST=1 $(BIN)/python -m pytest tests $(wildcard notebooks) --durations=15 \
		--nbval-lax --nbval-current-env --nbval-cell-timeout=300

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --project pyproject.toml --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-cache

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)
	$(BIN)/python -m pgm_lite bench

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.txt pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
		echo "pgm_lite needs Python 3.11 or newer, and none of $(CANDIDATES) is. Install one,"; \
		echo "or name yours: make PYTHON=/path/to/python3.12"; exit 1; fi
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "pgm_lite needs Python 3.11 or newer; $(PYTHON) is older or does not run."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) lacks the module venv. Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing into $(VENV); the first time this takes some minutes."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -e .
	@touch $@
