# The front door. `make run` and `make test` need Python 3.11 or newer, and nothing else.

BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help run test bench check format docs web screenshots wheel environment clean

help:
	@echo 'make run      the demo shop on loopback; prints its URLs and what to try'
	@echo 'make test     the whole suite (make test ARGS="-k reload" for a part)'
	@echo 'make bench    measurements (make bench ARGS="--quick")'
	@echo 'make check    format, lint, strict types'
	@echo 'make format   put the code into its format'
	@echo 'make docs     write what is made from the code: reference pages, sample of the settings'
	@echo 'make web      build the pages (make run and make test do so when they have changed)'
	@echo 'make screenshots  a picture of every page, in docs/pictures/ (needs Chromium)'
	@echo 'make wheel    the package with its pages, in dist/'
	@echo 'make clean    remove what all of these made, except for var/'

run: web
	@$(BIN)/python -m scripts.run

web: $(READY)
	@$(BIN)/python -m scripts.web build

screenshots: web
	@$(BIN)/python -m scripts.screenshots

wheel: web
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .

test: web
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

bench: $(READY)
	@$(BIN)/python -m benchmarks $(ARGS)

check: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m scripts.web check

format: $(READY)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .
	@$(BIN)/python -m scripts.web format

docs: $(READY)
	@$(BIN)/python -m shared.settings_docs
	@$(BIN)/python -m scripts.make_reference

environment: $(READY)

# The first of these that is new enough. Another one: make PYTHON=/path/to/python3 ...
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

$(READY): pyproject.toml scripts/environment.py
	@test -n '$(PYTHON)' || { echo 'kefu needs Python 3.11 or newer; none was found' >&2; exit 1; }
	@$(PYTHON) scripts/environment.py
	@touch $@

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
	rm -rf web/node_modules business/services/servicer/dist
	find . -name __pycache__ -prune -exec rm -rf {} +
