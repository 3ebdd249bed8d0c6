.DEFAULT_GOAL := help
SHELL := /bin/bash
RUN := uv run --frozen --all-extras

.PHONY: help setup demo test lint types contract units bench factory

help: ## list the verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: ## install uv, the locked environment and software OpenGL where they are missing
	@bash scripts/setup.sh

demo: setup ## the whole loop on a simulated fleet; opens in janus-demo/report.html
	@$(RUN) janus demo

test: setup lint types contract units ## lint, type-check, check the imports, run the tests

lint:
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .

types:
	@$(RUN) mypy

contract:
	@$(RUN) lint-imports

units:
	@$(RUN) pytest -n 2
