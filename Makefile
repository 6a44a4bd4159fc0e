# World Economies. `make` lists what can be made; `make run` is all that a newcomer needs.

# JOBS: processes that test; on two cores a third works while another waits.
VENV = .venv
PY   = $(VENV)/bin/python
JOBS = 3
ARGS =

# Each of a thousand processes that the tests start would compile the project anew.
unexport PYTHONDONTWRITEBYTECODE

# The first Python that is new enough and can make environments; PYTHON=… on the command line chooses another.
PYTHON = $(shell for each in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$each" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo "$$each"; exit; }; done; echo python3)

CORE = $(VENV)/.installed-core
DEV  = $(VENV)/.installed-dev
EXPLORE = $(VENV)/.installed-explore
PINS = pyproject.toml constraints.txt
AIRFLOW = .venv-airflow
AXE     = axe-core@4.14.1

.PHONY: help run explore test test-full chaos lint bench bench-usual airflow-env airflow-pins axe constraints screenshot \
	clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1 ## /p' Makefile | awk -F ' ## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'
	@echo '  ARGS="…" goes to the program, PYTHON=… chooses the Python, JOBS=… the processes that test'

run: $(CORE) ## set up on first use, then run the pipeline: make run ARGS="--source bundled"
	@$(PY) etl_process.py $(ARGS)

explore: $(EXPLORE) ## look around in the database with a browser, on this machine only: ARGS="--port 8002"
	@$(PY) -m explore $(ARGS)

test: $(DEV) ## the test suite, under 8 minutes on 2 cores
	$(PY) -m pytest -n $(JOBS) --dist worksteal -m "not full and not chaos" $(ARGS)

test-full: $(DEV) ## the test suite with its long forms
	$(PY) -m pytest -n $(JOBS) --dist worksteal -m "not chaos" $(ARGS)

chaos: $(DEV) ## thousands of seeded failures, hours: kills at every write boundary, full disks, power cuts
	$(PY) -m pytest -n $(JOBS) --dist worksteal -m chaos $(ARGS)

lint: $(DEV) ## ruff and mypy
	$(PY) -m ruff check .
	$(PY) -m mypy

bench: $(CORE) ## a large table by us and by others, hours: ARGS="--work DIR --rows 1,10" (needs Java for Spark)
	@test -x .venv-bench/bin/python || $(PY) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -r bench/requirements.txt
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt ".[large]"
	.venv-bench/bin/python bench/large/run.py $(ARGS)

bench-usual: $(DEV) ## measure seconds and memory of the usual runs
	$(PY) bench/bench_run.py $(ARGS)

screenshot: $(DEV) ## make docs/world-economies.png again (needs Chromium)
	$(PY) docs/make_screenshot.py $(ARGS)

airflow-env: $(AIRFLOW)/.installed ## Airflow in an environment of its own, for the tests of dags/

axe: .axe/.installed ## axe-core from npm into .axe, for the tests of the page in a browser

# By the oldest Python that is supported: the newest versions for a later one may refuse it.
constraints: ## pin the newest versions that fit together in constraints.txt (with Python 3.11)
	@$(MAKE) --no-print-directory environment VENV="$(VENV)-newest"
	@"$(VENV)-newest/bin/python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
		|| { echo "pins are made with Python 3.11: make constraints PYTHON=/path/to/python3.11" >&2; exit 2; }
	"$(VENV)-newest/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade --editable ".[all,dev,spark,explore]"
	"$(VENV)-newest/bin/python" -m pip freeze --exclude-editable > constraints.new
	@! grep -v '^[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.+!_-]*$$' constraints.new \
		|| { rm constraints.new; echo "a pin is not NAME==VERSION: constraints.txt is as it was" >&2; exit 1; }
	mv constraints.new constraints.txt
	rm -rf "$(VENV)-newest"

airflow-pins: ## pin the newest Airflow that dags/requirements.txt allows in dags/constraints.txt (with Python 3.11)
	@rm -rf "$(AIRFLOW)"
	@$(MAKE) --no-print-directory environment VENV="$(AIRFLOW)"
	"$(AIRFLOW)/bin/python" -m pip install --quiet --disable-pip-version-check -r dags/requirements.txt
	"$(AIRFLOW)/bin/python" -m pip freeze > dags/constraints.txt
	@touch "$(AIRFLOW)/.installed"

clean: ## remove the environment and what tools leave; results, the database and the log stay
	rm -rf "$(VENV)" "$(VENV)-newest" .venv-bench $(AIRFLOW) .axe build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the environment: made when it is missing, installed when pyproject.toml or constraints.txt changes ---------------

$(CORE): $(PINS) $(PY)
	@echo "installing what the pipeline needs into $(VENV) (once) …" >&2
	@$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt .
	@rm -rf build *.egg-info
	@touch $@

$(DEV): $(PINS) $(PY)
	@echo "installing what the tests need into $(VENV) (once) …" >&2
	@$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt ".[dev]"
	@rm -rf build *.egg-info
	@touch $@

$(EXPLORE): $(CORE)
	@echo "installing Datasette into $(VENV) (once) …" >&2
	@$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt ".[explore]"
	@rm -rf build *.egg-info
	@touch $@

$(PY):
	@$(MAKE) --no-print-directory environment

.PHONY: environment
environment:
	@"$(PYTHON)" -c '' 2>/dev/null || { echo "There is no Python named $(PYTHON) here. World Economies needs Python \
	3.11 or newer: install it, or name it with PYTHON=/path/to/python3.12" >&2; exit 2; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "World Economies needs Python 3.11 or \
	newer, and $(PYTHON) is $$("$(PYTHON)" -V 2>&1): install a newer one, or name it with PYTHON=/path/to/python3.12" \
	>&2; exit 2; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make environments: it comes \
	without venv. On Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 2; }
	@rm -f $(VENV)/.installed-*
	@"$(PYTHON)" -m venv "$(VENV)"

# Airflow pins its own versions of much that the project has too: the two never share an environment.
$(AIRFLOW)/.installed: dags/requirements.txt dags/constraints.txt
	@$(MAKE) --no-print-directory environment VENV="$(AIRFLOW)"
	@echo "installing Airflow into $(AIRFLOW) (once) …" >&2
	@"$(AIRFLOW)/bin/python" -m pip install --quiet --disable-pip-version-check -c dags/constraints.txt -r dags/requirements.txt
	@touch $@

# The version is here alone, so that the tests of the page need no package.json: nothing else comes from npm.
.axe/.installed: Makefile
	@mkdir -p .axe
	@npm install --prefix .axe --no-save --no-audit --no-fund --ignore-scripts --loglevel=error $(AXE)
	@touch $@
