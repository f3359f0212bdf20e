# Everything starts here: `make` lists what there is. The virtual environment is made on first use.

# The environment fits the lock files' content and this very folder; when either differs, it is made anew, so that
# nothing stays which no lock names.
READY := .venv/ready-$(shell { pwd; cat requirements.lock requirements-dev.lock; } | cksum | tr ' ' '-')
PYTHONS := $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11
BIN := .venv/bin
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --only-binary :all:

.PHONY: help run test lint types contracts tests bench chaos lock format
.DEFAULT_GOAL := help

help: ## Show these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

run: $(READY) ## Start the shop: database, queue, payment sandbox, API and worker, with the demo loaded (Ctrl-C stops it)
	@$(BIN)/commerce run

test: lint types contracts tests ## Prove it: lint, types, contracts, then the tests

lint: $(READY) ## Check style and formatting
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check

types: $(READY) ## Check types, strictly
	$(BIN)/python -m mypy

contracts: $(READY) ## Check who may import whom
	$(BIN)/lint-imports

tests: $(READY) ## Run the tests on real databases
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

bench: $(READY) ## Measure against pgbench on this machine; writes bench.json
	$(BIN)/python -m tests.benchmarks

chaos: $(READY) ## Bring every fault over the way to the payment provider, and see that no cent is lost or doubled
	$(BIN)/python -m tests.chaos

format: $(READY) ## Put the code in its usual shape
	$(BIN)/python -m ruff check --fix-only --quiet
	$(BIN)/python -m ruff format

lock: $(BIN)/uv ## Pin the newest releases that pyproject.toml allows, with hashes
	$(LOCK) --upgrade pyproject.toml --output-file requirements.lock
	$(LOCK) --upgrade --group dev --constraint requirements.lock --output-file requirements-dev.lock

# Locking must work before there is anything locked, so uv may come without hashes here and nowhere else.
$(BIN)/uv:
	@$(find_python); "$$python" -m venv .venv && $(BIN)/python -m pip install --quiet uv

# A second make waits for the first one to finish installing, where the system has flock. Packages come as
# locked; the project itself is a line in a .pth file, so nothing is built and nothing is left in the tree.
$(READY):
	@exec 9< Makefile; if command -v flock > /dev/null; then flock 9; fi; \
	if [ -e $@ ]; then exit 0; fi; \
	$(find_python); set -e; \
	echo "Making .venv with $$("$$python" --version) ..."; \
	"$$python" -m venv --clear .venv; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
		-r requirements.lock -r requirements-dev.lock; \
	pwd > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/commerce.pth"; \
	printf '#!/bin/sh\n# -P: a folder called "commerce" where you stand must not stand in for the program.\nexec "%s" -P -m commerce "$$@"\n' \
		"$$(pwd)/$(BIN)/python" > $(BIN)/commerce; \
	chmod +x $(BIN)/commerce; touch $@

define find_python
python=; for candidate in $(PYTHONS); do \
	if "$$candidate" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; \
	then python=$$candidate; break; fi; \
done; \
if [ -z "$$python" ]; then \
	echo 'No Python 3.11 or newer with venv was found.' \
		'Install one (Debian and Ubuntu: apt install python3 python3-venv),' \
		'or name it: make run PYTHON=/path/to/python3.12' >&2; exit 1; \
fi
endef
