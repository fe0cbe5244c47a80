# Everything a person types. `make help` lists it.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := $(VENV)/sandbox

.PHONY: help install system demo test attacks check format check-specs clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: system $(VENV)/.installed ## make .venv with the grader and what submissions may import

system: # Debian packages for the sandboxes: only where they are missing, only as root
	@sh docker/system-packages.sh

# One copy of torch serves both sides: the sandbox sees only $(PACKAGES), the trusted side adds it by a .pth file,
# which comes last: pip would take away from $(PACKAGES) what the trusted side wants in another version.
$(VENV)/.installed: pyproject.toml docker/sandbox-requirements.txt docker/sandbox-requirements-nodeps.txt
	$(PYTHON) -m venv $(VENV)
	rm -rf $(PACKAGES) $(VENV)/lib/python3*/site-packages/sandbox-packages.pth
	$(BIN)/python -m pip install --quiet --target $(PACKAGES) -r docker/sandbox-requirements.txt
	$(BIN)/python -m pip install --quiet --target $(PACKAGES) --no-deps -r docker/sandbox-requirements-nodeps.txt
	$(BIN)/python -m pip install --quiet -e '.[server,worker,local,s3,traces,dev]'
	echo "$(CURDIR)/$(PACKAGES)" > $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/sandbox-packages.pth
	$(BIN)/python -m compileall -q grader $(PACKAGES) >/dev/null || true
	touch $@

demo: install ## run the service with a demo course, hand in references and broken work, print score cards, stay up
	@$(BIN)/grader demo $(ARGS)

test: install ## the one test command
	@sh tests/run.sh

attacks: install ## try every hostile idea on every sandbox there is; writes docs/attacks.md (long)
	@$(BIN)/python -m tests.attacks --backend all --write

check: install ## format, lint, types and import contracts, without running tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install ## put the code into the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check-specs: install ## prove every spec with all of its mutants and variants
	$(BIN)/grader spec check --all --every

clean: ## remove what make install and make test left
	rm -rf $(VENV) var
