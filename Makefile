# Every target sets up what it needs, from nothing but Python >= 3.11. The work is done by bootstrap.py.
.DEFAULT_GOAL := help
.PHONY: help lab test notebooks bench claims lint lock doctor clean

# The first Python that starts and is new enough; a name on PATH may be too old, or a shim that starts nothing.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$python; break; }; done)
COURSE = $(or $(PYTHON),$(error The course needs Python 3.11 or newer and found none. Install Python 3.13, \
	or name one: PYTHON=/path/to/python make lab)) bootstrap.py

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 18

lab: ## set up, then open JupyterLab on notebooks/    PORT=8888 HOST=localhost
	@$(COURSE) lab

test: ## set up, then run every test; SEGLIB_BROWSER=required makes a missing browser a failure
	@$(COURSE) test

doctor: ## is this machine ready?
	@$(COURSE) run -m seglib doctor

notebooks: ## build notebooks/*.ipynb and notebooks/solutions/ from notebooks/source/    ONLY=02
	@$(COURSE) run -m tools.course.build $(ONLY)

lint: ## ruff, mypy, the course's own lint
	@$(COURSE) test lint

bench: ## run benchmarks/*.py, one after the other    ONLY=name; or fill the rows of a claim    CLAIM=R2 (or all) MINUTES=30
	@$(COURSE) run -m tools.bench $(ONLY) $(if $(CLAIM),--claim $(CLAIM)) $(if $(MINUTES),--minutes $(MINUTES))

claims: ## write docs/claims.md from the rows that were measured; fails where one is missing
	@$(COURSE) run -m tools.bench --claims

lock: ## write requirements.lock anew from pyproject.toml, at today's versions
	@$(COURSE) run -m uv pip compile pyproject.toml --upgrade --universal --generate-hashes --extra dev \
		--python-version 3.11 --no-emit-index-url --no-header --quiet --output-file requirements.lock

clean: ## delete the environment and everything else that can be made again; data and progress stay
	rm -rf .venv artefacts .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
