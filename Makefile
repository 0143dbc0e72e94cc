# `make demo` and `make test` are all a newcomer needs; the others are for those who build.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PORT   ?= 8092

.DEFAULT_GOAL := help
.PHONY: help demo test lint types imports bench bench-quick peers e2e setup dev clean

help:
	@echo "make demo [DATA=path] [SPEED=60] [PORT=8092]   the whole platform, in the browser"
	@echo "make test                                      linters, types, contracts, all tests"
	@echo "make bench                                     speed and memory"
	@echo "make peers                                     install what make bench then measures beside us"

$(VENV)/.runtime: requirements.txt
	@echo "Installing what Chimera runs on (once)..."
	@$(PYTHON) -m chimera.install $(VENV) requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	@echo "Installing what the tests need (once)..."
	@$(PYTHON) -m chimera.install $(VENV) requirements-dev.txt
	@touch $@

setup: $(VENV)/.runtime
dev: $(VENV)/.dev

demo: $(VENV)/.runtime
	@$(BIN)/python -m chimera.demo --port $(PORT) $(if $(DATA),--data "$$DATA") $(if $(SPEED),--speed "$(SPEED)")

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python manage.py check
	$(BIN)/python manage.py makemigrations --check --dry-run

types: $(VENV)/.dev
	$(BIN)/mypy

imports: $(VENV)/.dev
	$(BIN)/lint-imports

test: lint types imports
	$(BIN)/python -m tests.support.install_browser
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

e2e: $(VENV)/.dev
	$(BIN)/python -m tests.end_to_end

bench: $(VENV)/.dev
	$(BIN)/python -m bench

peers: $(VENV)/.dev
	@$(PYTHON) -m chimera.install $(VENV) requirements-bench.txt

bench-quick: $(VENV)/.dev
	$(BIN)/python -m bench --quick

clean:
	rm -rf $(VENV) var .pytest_cache .mypy_cache .ruff_cache staticfiles
