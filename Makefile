# Every command sets up what it needs: Python 3.10 or later, make and a package registry are enough.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo test test-quick check docs bench sabotage format clean

demo: $(VENV)/.demo ## run the sample application under opentelemetry-instrument and look at its history
	@$(RUN)prompt-history demo

test: check ## everything: format, lint, types, tests on this interpreter, the oldest and the newest supported
	@$(RUN)python tests/services/matrix.py

test-quick: $(VENV)/.dev ## the inner loop, at most two minutes
	@$(RUN)pytest -q -x -n auto -m "not slow"

check: $(VENV)/.dev ## format, lint, types, documentation
	@$(RUN)ruff format --check .
	@$(RUN)ruff check .
	@$(RUN)mypy
	@$(RUN)pytest -q tests/docs

format: $(VENV)/.dev
	@$(RUN)ruff format .
	@$(RUN)ruff check --fix .

docs: $(VENV)/.dev ## regenerate what the docs take from the code and from benchmark results
	@$(RUN)python docs/generate.py

bench: $(VENV)-bench/.bench ## benchmarks, side by side with peers
	@$(VENV)-bench/bin/python benchmarks/run.py

sabotage: $(VENV)/.dev ## break each promise on purpose and expect the named test to fail
	@$(RUN)python tests/sabotage.py

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or later is needed: make PYTHON=python3.12 …")'
	@$(PYTHON) -m venv $(VENV)
	@$(RUN)python -m pip install --quiet --upgrade pip

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	@$(RUN)python -m pip install --quiet --editable ".[demo]"
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	@$(RUN)python -m pip install --quiet --editable . --group dev
	@touch $@

$(VENV)-bench/.bench: pyproject.toml
	@$(PYTHON) -m venv $(VENV)-bench
	@$(VENV)-bench/bin/python -m pip install --quiet --upgrade pip
	@$(VENV)-bench/bin/python -m pip install --quiet --editable . --group bench
	@touch $@

clean:
	rm -rf $(VENV) $(VENV)-* .demo
