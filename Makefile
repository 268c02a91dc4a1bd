# make run    serve on LIPWIRE_HOST:LIPWIRE_PORT (127.0.0.1:8000)
# make test   everything: lint, types, every test, in a real browser too
# make check  what to run before a commit: lint, types, unit tests
# make test-plugins   what plugs a face into agent frameworks, with the frameworks themselves (make test does it too)
# make test-cluster   clusters that grow, shrink, and lose fronts and machines (make test runs one that
#                     loses a stage), and the tests of a server's API and pages, through a cluster's front
# make converse       talk to a face: examples/converse, and a server for it
# make audit  ask which locked packages have known holes (needs the network)
# make sbom   write dist/lipwire.cdx.json: what the service is made of, in CycloneDX
# make lock   write locks/ after a change of the dependencies in pyproject.toml

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.complete

.PHONY: run test test-plugins test-cluster converse check lint lock audit sbom setup clean

run: setup
	@exec $(BIN)/lipwire serve

test: lint
	@LIPWIRE_CHROMIUM="$$(sh tools/chromium.sh)" && export LIPWIRE_CHROMIUM && exec $(BIN)/python -m pytest

test-plugins: setup
	@exec $(BIN)/python -m pytest tests/e2e/test_plugins.py

test-cluster: setup
	$(BIN)/python -m pytest -m cluster tests/cluster
	@LIPWIRE_CHROMIUM="$$(sh tools/chromium.sh)" && export LIPWIRE_CHROMIUM && \
	LIPWIRE_TEST_FRONT=1 exec $(BIN)/python -m pytest tests/api tests/e2e

converse: setup
	@PYTHON="$(PYTHON)" sh tools/plugin_environment.sh pipecat
	@exec .venv-pipecat/bin/python examples/converse --serve "$(BIN)/lipwire serve"

check: lint
	$(BIN)/python -m pytest -m "not browser and not realtime and not cluster"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@if [ -f tools/page_checks.sh ]; then PATH="$(CURDIR)/$(BIN):$$PATH" sh tools/page_checks.sh; fi

audit: setup
	@exec $(BIN)/python -m tools.audit

sbom: setup
	@exec $(BIN)/python -m tools.sbom dist/lipwire.cdx.json

lock: setup
	@sh tools/lock.sh $(BIN)

setup: $(STAMP)

$(STAMP): pyproject.toml clients/python/pyproject.toml locks/test.txt locks/torch.txt locks/torch-cpu.txt app/faces/landmarks.txt tools/setup.sh
	@PYTHON="$(PYTHON)" sh tools/setup.sh $(VENV)
	@touch $@

clean:
	rm -rf $(VENV) .venv-pipecat .venv-livekit .mypy_cache .ruff_cache .pytest_cache
