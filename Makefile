# make run    serve on LIPWIRE_HOST:LIPWIRE_PORT (127.0.0.1:8000)
# make test   everything, in a real browser too
# make check  what to run before a commit: lint, types, unit tests

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.complete

.PHONY: run test check setup clean

run: setup
	@exec $(BIN)/python -m app serve

test: setup
	@LIPWIRE_CHROMIUM="$$(sh tools/chromium.sh)" && export LIPWIRE_CHROMIUM && exec $(BIN)/python -m pytest

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -m "not browser and not realtime"

setup: $(STAMP)

$(STAMP): requirements.txt requirements-test.txt constraints.txt tools/setup.sh
	@PYTHON="$(PYTHON)" sh tools/setup.sh $(VENV)
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
