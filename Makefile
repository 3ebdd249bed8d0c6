.DEFAULT_GOAL := help
SHELL := /bin/bash
# uv as a command or as a module; looked up when a recipe runs, after `setup` has installed it.
UV = $(shell command -v uv || echo python3 -m uv)
RUN = $(UV) run --frozen --all-extras

.PHONY: help setup demo test lint types contract units bench bench-watch bench-learn factory

help: ## list the verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}' | sort

setup: ## install uv, the locked environment and software OpenGL where they are missing
	@bash scripts/setup.sh

demo: setup ## the whole loop on a simulated fleet; writes janus-demo/report.html
	@$(RUN) janus demo

test: setup lint types contract units ## lint, type-check, check the imports, run the tests

lint: ## ruff: rules and format
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .

types: ## mypy, strict
	@$(RUN) mypy

contract: ## import-linter: who may import whom
	@$(RUN) lint-imports

units: ## the tests alone
	@$(RUN) pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 12

BENCH = $(UV) run --frozen --all-extras --group bench python
# Those of watching and of learning have verbs of their own.
WATCH = $(wildcard benchmarks/bench_watch*.py benchmarks/bench_triage*.py)
LEARN = benchmarks/bench_train.py benchmarks/bench_gate.py benchmarks/bench_universal.py benchmarks/bench_learn.py
PARTS = $(filter-out $(WATCH) $(LEARN),$(wildcard benchmarks/bench_*.py))

bench: setup ## the benchmarks of the loop and the service; an hour and more on two cores
	@for b in $(PARTS); do echo "== $$b"; $(BENCH) $$b || exit 1; done

bench-watch: setup ## what watching and triage find, and how fast; an hour on two cores
	@for b in $(WATCH); do echo "== $$b"; $(BENCH) $$b || exit 1; done

bench-learn: setup ## training, the gate, the universal model, strategies on streams; hours on two cores
	@for b in $(LEARN); do echo "== $$b"; $(BENCH) $$b || exit 1; done

factory: setup ## make the factory model again, from simulated piles
	@$(RUN) janus train --factory
